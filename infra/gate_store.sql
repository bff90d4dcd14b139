-- name: hold_gate
-- One gate at a time, until the connection ends.
SELECT pg_advisory_lock(4713, hashtext('credit-ledger gate'));

-- name: pinned
-- The topic on which the ledger lives.
SELECT topic_id, name FROM ledger_topic WHERE until IS NULL;

-- name: unpin
-- The ledger no longer lives on the topic that was pinned.
UPDATE ledger_topic SET until = %(at)s WHERE until IS NULL;

-- name: pin
-- The ledger lives on this topic from now on.
INSERT INTO ledger_topic (topic_id, name, since, reason) VALUES (%(topic_id)s, %(name)s, %(at)s, %(reason)s);

-- name: head
-- The last sequenced record, and the instance that opened its term.
SELECT position, chain_hash, term, recorded_at, ledger, system_identifier, server_timeline, server_started_at, state,
       reason, incarnation
  FROM ledger_head;

-- name: here
-- The instance that answers now.
SELECT (pg_control_system()).system_identifier::text, (pg_control_checkpoint()).timeline_id, pg_postmaster_start_time();

-- name: floors
-- The heads that are known to have been entered; what was only read from the table of records does not count.
(SELECT position, chain_hash, term FROM ledger_place ORDER BY position DESC LIMIT 1)
 UNION ALL
SELECT position, chain_hash, term FROM projection_place WHERE topic_id <> 'table' AND position > 0
 UNION ALL
(SELECT size, chain_hash, 0 FROM witnessed ORDER BY size DESC LIMIT 1);

-- name: entered_here
-- The furthest place that was stored when PostgreSQL had its record: nothing up to there is ever set aside.
SELECT coalesce(max(position), 0) FROM ledger_place;

-- name: newest_term
-- The newest term-opened up to a position.
SELECT bytes FROM ledger_record WHERE subject = 'ledger' AND type = 'term-opened' AND position <= %(upto)s
 ORDER BY position DESC LIMIT 1;

-- name: set_aside
-- Move what was never entered to the records that were set aside.
SELECT ledger_set_aside(%(first)s, %(at)s);

-- name: lost_keys
-- The keys of what was set aside, whenever that was, that did nothing else and are not voided yet; first record first.
SELECT key FROM (SELECT decode(convert_from(bytes, 'UTF8')::json ->> 'idemkeyhash', 'hex') AS key,
                        min(set_aside_at) AS at, min(position) AS position
                   FROM ledger_aside GROUP BY 1) AS aside
 WHERE key IS NOT NULL
   AND NOT EXISTS (SELECT FROM ledger_command WHERE key_hash = key)
   AND NOT EXISTS (SELECT FROM ledger_voided WHERE key_hash = key)
 ORDER BY at, position;

-- name: take_head
-- The head after records were adopted.
UPDATE ledger_head SET position = %(position)s, chain_hash = %(chain)s, term = %(term)s,
                       recorded_at = greatest(recorded_at, %(recorded_at)s);

-- name: begin_term
-- This instance opens the next term; the row stays locked until the transaction ends.
UPDATE ledger_head
   SET term = term + 1, state = 'open', reason = NULL, incarnation = %(incarnation)s,
       system_identifier = %(system_identifier)s, server_timeline = %(server_timeline)s,
       server_started_at = %(server_started_at)s
RETURNING term, position;

-- name: insert_voided
-- The keys whose commands lost, and where the log says so.
INSERT INTO ledger_voided (key_hash, position)
SELECT key_hash, %(position)s FROM unnest(%(keys)s::bytea[]) AS key_hash ON CONFLICT (key_hash) DO NOTHING;

-- name: set_state
-- What the gate decided.
UPDATE ledger_head SET state = %(state)s, reason = %(reason)s
 WHERE (state, reason) IS DISTINCT FROM (%(state)s, %(reason)s);

-- name: insert_key
-- A key that the log itself names, for the terms from its first one on.
INSERT INTO ledger_key (public_key, first_term) VALUES (%(public_key)s, %(first_term)s)
    ON CONFLICT (public_key) DO NOTHING;
