-- name: chains
-- The chain hashes of all records, in order, worked out from nothing but what stands there.
SELECT position, chain_hash FROM ledger_record ORDER BY position;

-- name: last
-- The last position.
SELECT coalesce(max(position), 0) FROM ledger_record;
