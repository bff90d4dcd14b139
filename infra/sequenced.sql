-- name: hold_relay
-- One relay works at a time; it is safe if several do, only slower. Whether this session has the lock.
SELECT pg_try_advisory_lock(4712, hashtext('credit-ledger relay'));

-- name: chain_at
-- The chain hash that PostgreSQL has at a position.
SELECT chain_hash FROM ledger_record WHERE position = %(position)s;

-- name: from
-- Records from a position on, in order.
SELECT position, bytes, sig, subject, chain_hash FROM ledger_record
 WHERE position >= %(first)s ORDER BY position LIMIT %(limit)s;

-- name: from_unless_stopped
-- As `from`, but none while the ledger is stopped or fenced: then nothing is written to the log.
SELECT position, bytes, sig, subject, chain_hash FROM ledger_record
 WHERE position >= %(first)s AND NOT EXISTS (SELECT FROM ledger_head WHERE state IN ('stopped', 'fenced'))
 ORDER BY position LIMIT %(limit)s;
