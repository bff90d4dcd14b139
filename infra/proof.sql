-- name: records
-- All records up to a position, in order, as a proof reads them.
SELECT position, bytes, chain_hash, term, sig FROM ledger_record WHERE position <= %(upto)s ORDER BY position;
