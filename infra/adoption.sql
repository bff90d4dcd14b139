-- What is adopted from the log: rows as the sequencer inserts them, of many batches at a time.

-- name: insert_records
-- All records of a batch.
INSERT INTO ledger_record (position, event_id, chain_hash, leaf_hash, term, type, subject, subject_version, bytes, sig)
SELECT * FROM unnest(%(positions)s::bigint[], %(event_ids)s::uuid[], %(chains)s::bytea[], %(leaves)s::bytea[],
                     %(terms)s::integer[], %(types)s::text[], %(subjects)s::text[], %(versions)s::integer[],
                     %(values)s::bytea[], %(signatures)s::bytea[]);

-- name: insert_commands
-- What the keys of the batch did.
INSERT INTO ledger_command (key_hash, command_hash, first_position, last_position)
SELECT * FROM unnest(%(keys)s::bytea[], %(commands)s::bytea[], %(firsts)s::bigint[], %(lasts)s::bigint[]);

-- name: insert_identifiers
-- The identifiers that the batch gives to its subjects; one that its subject holds already stays as it is.
INSERT INTO ledger_identifier (kind, value, subject, position)
SELECT * FROM unnest(%(kinds)s::text[], %(values)s::text[], %(subjects)s::text[], %(positions)s::bigint[])
    ON CONFLICT (kind, value) DO NOTHING;
