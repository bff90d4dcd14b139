-- name: session_limits
-- No session may hold the head for long: a frozen process loses it, a slow one is told. A process that freezes while it
-- sends its records counts as busy, not as idle: only the limit of the whole transaction, new in PostgreSQL 17, ends it.
SELECT set_config('synchronous_commit', 'on', false),
       set_config('lock_timeout', '2s', false),
       set_config('idle_in_transaction_session_timeout', '5s', false),
       set_config('statement_timeout', '5s', false),
       CASE WHEN current_setting('server_version_num')::int >= 170000
            THEN set_config('transaction_timeout', '10s', false) END;

-- name: lock_head
-- The head row's lock gives order and gap-free positions. For whoever may write whatever the log is.
SELECT ledger, position, chain_hash, term, recorded_at FROM ledger_head WHERE state = 'open' FOR UPDATE;

-- name: lock_head_of_table
-- On the table log, log and sequencer are one database, so the state alone says whether the ledger may be written; one
-- that has lived on a topic of Kafka is never written on the table log again.
SELECT ledger, position, chain_hash, term, recorded_at
  FROM ledger_head WHERE state = 'open' AND NOT EXISTS (SELECT FROM ledger_topic) FOR UPDATE;

-- name: lock_head_of_instance
-- On Kafka only the instance that opened the term gives positions. The columns are those of `standing`.
SELECT ledger, position, chain_hash, term, recorded_at, state, reason, incarnation, true AS is_here,
       (SELECT chain_hash FROM ledger_record AS entered WHERE entered.position = %(entered)b) AS entered_chain
  FROM ledger_head
 WHERE state = 'open' AND incarnation = %(incarnation)b AND server_started_at = pg_postmaster_start_time()
   FOR UPDATE;

-- name: standing
-- The head without its lock, and what the server that answers says of it.
SELECT ledger, position, chain_hash, term, recorded_at, state, reason, incarnation,
       server_started_at = pg_postmaster_start_time() AS is_here,
       (SELECT chain_hash FROM ledger_record AS entered WHERE entered.position = %(entered)b) AS entered_chain
  FROM ledger_head;

-- name: pinned
-- The topic of Kafka on which the ledger lives, or lived last.
SELECT name FROM ledger_topic ORDER BY until IS NULL DESC, since DESC LIMIT 1;

-- name: head
-- The head without its lock.
SELECT ledger, position, chain_hash, term, recorded_at, state, reason FROM ledger_head;

-- name: known_commands
-- What these keys did.
SELECT encode(key_hash, 'hex') AS key_hash, encode(command_hash, 'hex') AS command_hash, first_position, last_position,
       chain_hash
  FROM ledger_command JOIN ledger_record ON position = last_position WHERE key_hash = ANY (%(keys)b::bytea[]);

-- name: voided_keys
-- Which of these keys lost against another history, and where the log says so.
SELECT encode(key_hash, 'hex') AS key_hash, position FROM ledger_voided WHERE key_hash = ANY (%(keys)b::bytea[]);

-- name: holders
-- The subjects that these identifiers name.
SELECT kind, value, subject FROM ledger_identifier
 WHERE (kind, value) IN (SELECT * FROM unnest(%(kinds)b::text[], %(values)b::text[]));

-- name: ground
-- Everything that a batch is checked against, in one answer: what these keys did, the last version of each of these
-- streams that has one, which of the versions that the eventsourcing library gives are taken, the subjects that these
-- identifiers name, which of the keys are voided for ever.
SELECT 'command' AS about, encode(key_hash, 'hex') AS name, encode(command_hash, 'hex') AS value, NULL AS subject,
       first_position AS first, last_position AS last
  FROM ledger_command WHERE key_hash = ANY (%(keys)b::bytea[])
 UNION ALL
SELECT 'voided', encode(key_hash, 'hex'), NULL, NULL, position, NULL
  FROM ledger_voided WHERE key_hash = ANY (%(keys)b::bytea[])
 UNION ALL
SELECT 'version', stream, NULL, NULL, newest.subject_version, NULL
  FROM unnest(%(streams)b::text[]) AS stream
 CROSS JOIN LATERAL (SELECT subject_version FROM ledger_record WHERE subject = stream
                      ORDER BY subject_version DESC LIMIT 1) AS newest
 UNION ALL
SELECT 'taken', given.stream, NULL, NULL, given.version, NULL
  FROM unnest(%(given_streams)b::text[], %(given_versions)b::integer[]) AS given (stream, version)
 CROSS JOIN LATERAL (SELECT FROM ledger_record
                      WHERE subject = given.stream AND subject_version = given.version LIMIT 1) AS taken
 UNION ALL
SELECT 'holder', kind, value, subject, NULL, NULL FROM ledger_identifier
 WHERE (kind, value) IN (SELECT * FROM unnest(%(kinds)b::text[], %(values)b::text[]));

-- name: insert_batch
-- All records of a batch, what its keys did, the identifiers that it gives to its subjects (one that its subject holds
-- already stays as it is), and the head after it. One statement: each costs the sequencing thread as much as a record.
WITH records AS (
    INSERT INTO ledger_record
           (position, event_id, chain_hash, leaf_hash, term, type, subject, subject_version, bytes, sig)
    SELECT * FROM unnest(%(positions)b::bigint[], %(event_ids)b::uuid[], %(chains)b::bytea[], %(leaves)b::bytea[],
                         %(terms)b::integer[], %(types)b::text[], %(subjects)b::text[], %(versions)b::integer[],
                         %(bytes)b::bytea[], %(signatures)b::bytea[])
), commands AS (
    INSERT INTO ledger_command (key_hash, command_hash, first_position, last_position)
    SELECT * FROM unnest(%(keys)b::bytea[], %(commands)b::bytea[], %(firsts)b::bigint[], %(lasts)b::bigint[])
), identifiers AS (
    INSERT INTO ledger_identifier (kind, value, subject, position)
    SELECT * FROM unnest(%(kinds)b::text[], %(values)b::text[], %(holders)b::text[], %(since)b::bigint[])
        ON CONFLICT (kind, value) DO NOTHING
)
UPDATE ledger_head SET position = %(position)s, chain_hash = %(chain)s, recorded_at = %(recorded_at)s;

-- name: number_notifications
-- Go on with the numbering 1, 2, 3 … of the eventsourcing library's records: those behind a position have no number yet.
WITH numbered AS (
    INSERT INTO ledger_notification (notification_id, position)
    SELECT notifications + row_number() OVER (ORDER BY record.position), record.position
      FROM ledger_head, ledger_record AS record
     WHERE record.position > %(after)s AND record.type = 'eventsourcing-stored'
    RETURNING notification_id
)
UPDATE ledger_head SET notifications = notifications + (SELECT count(*) FROM numbered);

-- name: positions_of
-- Where these events stand; used to settle a commit whose outcome is unknown, under the head's lock.
SELECT event_id::text, position FROM ledger_record WHERE event_id = ANY (%(event_ids)b::uuid[]);

-- name: read_streams
-- All records of these streams, in order.
SELECT position, event_id::text, subject, subject_version, type, bytes
  FROM ledger_record WHERE subject = ANY (%(streams)b::text[]) ORDER BY position;

-- name: read_positions
-- The records between two positions, both included.
SELECT position, event_id::text, subject, subject_version, type, bytes
  FROM ledger_record WHERE position BETWEEN %(first)s AND %(last)s ORDER BY position;

-- name: streams_changed
-- The streams that got records behind a position, up to another.
SELECT DISTINCT subject FROM ledger_record WHERE position > %(after)s AND position <= %(upto)s;

-- name: streams_under
-- The streams whose names begin with a prefix, of the records up to a position.
SELECT DISTINCT subject FROM ledger_record WHERE starts_with(subject, %(prefix)s) AND subject >= %(prefix)s
   AND subject < %(behind)s AND position <= %(upto)s;
