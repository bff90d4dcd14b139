-- name: chains
-- The chain hashes of all records, in order, worked out from nothing but what stands there.
SELECT position, chain_hash FROM ledger_record ORDER BY position;

-- name: first_of
-- The first position of the records with these chain hashes.
SELECT min(position) FROM ledger_record WHERE chain_hash = ANY (%(chains)s::bytea[]);
