-- name: of_key
-- What a key did, with the version that its stream got and the chain hash of its last record; or where the log says that
-- it is voided; or neither. Beside it, in the same snapshot, the head and what the server that answers says of it.
SELECT encode(c.command_hash, 'hex'), c.first_position, c.last_position, r.subject, r.subject_version, r.chain_hash,
       v.position, h.*
  FROM (SELECT ledger, position, chain_hash, term, recorded_at, state, reason, incarnation,
               server_started_at = pg_postmaster_start_time() AS is_here,
               (SELECT chain_hash FROM ledger_record AS entered WHERE entered.position = %(entered)s) AS entered_chain
          FROM ledger_head) AS h
  LEFT JOIN (ledger_command AS c JOIN ledger_record AS r ON r.position = c.last_position) ON c.key_hash = %(key)s
  LEFT JOIN ledger_voided AS v ON v.key_hash = %(key)s;

-- name: record
-- One record with its signature, if the record of a head behind it is here: then it is entered with that one.
SELECT position, bytes, sig FROM ledger_record
 WHERE position = %(position)s
   AND EXISTS (SELECT FROM ledger_record AS head WHERE head.position = %(head)s AND head.chain_hash = %(chain)s);

-- name: records
-- The records between two positions, both included.
SELECT position, bytes FROM ledger_record WHERE position BETWEEN %(first)s AND %(last)s ORDER BY position;

-- name: position_of
-- Where an event stands.
SELECT position FROM ledger_record WHERE event_id = %(event_id)s;

-- name: head
-- The sequenced head and its state.
SELECT ledger, position, term, state, reason FROM ledger_head;

-- name: stream_version
-- The last version of a stream.
SELECT subject_version FROM ledger_record WHERE subject = %(stream)s ORDER BY subject_version DESC LIMIT 1;

-- name: stream_under
-- A record of a stream whose name begins with a prefix, if there is one.
SELECT position FROM ledger_record WHERE subject >= %(prefix)s AND subject < %(behind)s LIMIT 1;
