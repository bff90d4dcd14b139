-- name: hold_relay
-- No relay works until the connection ends; waits for the one that does.
SELECT pg_advisory_lock(4712, hashtext('credit-ledger relay'));

-- name: unfinished
-- The topic from which a recovery was begun and not finished.
SELECT topic_id, name FROM ledger_topic WHERE until IS NULL AND reason = %(reason)s;

-- name: holds_anything
-- Whether anything of a ledger is here.
SELECT EXISTS (SELECT FROM ledger_head) OR EXISTS (SELECT FROM ledger_record) OR EXISTS (SELECT FROM ledger_command)
       OR EXISTS (SELECT FROM ledger_identifier) OR EXISTS (SELECT FROM ledger_voided);

-- name: pin
-- The topic that is recovered from; it may have been pinned before.
INSERT INTO ledger_topic (topic_id, name, since, reason) VALUES (%(topic_id)s, %(name)s, %(at)s, %(reason)s)
    ON CONFLICT (topic_id) DO UPDATE SET until = NULL, reason = excluded.reason;

-- name: insert_head
-- The head before the first record, fenced from its beginning; the log's first record names the instance.
INSERT INTO ledger_head (ledger, position, chain_hash, term, recorded_at, incarnation, system_identifier,
                         server_timeline, server_started_at, state, reason)
VALUES (%(ledger)s, 0, %(chain)s, 0, 'epoch', %(incarnation)s, %(system_identifier)s, %(server_timeline)s,
        %(server_started_at)s, 'fenced', %(reason)s);

-- name: insert_key
-- A key that was known beside the log.
INSERT INTO ledger_key (public_key, first_term, last_term) VALUES (%(public_key)s, %(first_term)s, %(last_term)s)
    ON CONFLICT (public_key) DO NOTHING;

-- name: name_instance
-- The instance that opened the newest term, and why the ledger is fenced.
UPDATE ledger_head
   SET incarnation = %(incarnation)s, system_identifier = %(system_identifier)s, server_timeline = %(server_timeline)s,
       server_started_at = %(server_started_at)s, state = 'fenced', reason = %(reason)s;

-- name: finish
-- The recovery is finished.
UPDATE ledger_topic SET reason = %(reason)s WHERE until IS NULL;

-- name: counts
-- How much of everything there is.
SELECT (SELECT count(*) FROM ledger_record), (SELECT count(*) FROM ledger_command),
       (SELECT count(*) FROM ledger_identifier), (SELECT count(*) FROM ledger_voided), (SELECT count(*) FROM ledger_key);
