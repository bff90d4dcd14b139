-- name: of_key
-- What a key did, with the version that its stream got.
SELECT encode(c.command_hash, 'hex'), c.first_position, c.last_position, r.subject, r.subject_version
  FROM ledger_command AS c JOIN ledger_record AS r ON r.position = c.last_position
 WHERE c.key_hash = %(key)s;

-- name: record
-- One record with its signature.
SELECT position, bytes, sig FROM ledger_record WHERE position = %(position)s;

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
