-- name: hold_creation
-- One process at a time looks whether the ledger is there, and creates it.
SELECT pg_advisory_xact_lock(4711, hashtext('credit-ledger creation'));

-- name: server
-- The server instance: which system, which timeline, since when it runs.
SELECT system_identifier::text, timeline_id, pg_postmaster_start_time()
  FROM pg_control_system(), pg_control_checkpoint();

-- name: insert_head
-- The head of a ledger that has no record yet.
INSERT INTO ledger_head (ledger, position, chain_hash, term, recorded_at, incarnation, system_identifier,
                         server_timeline, server_started_at, state)
VALUES (%(ledger)s, 0, %(chain)s, 1, %(recorded_at)s, %(incarnation)s, %(system_identifier)s, %(server_timeline)s,
        %(server_started_at)s, 'open');

-- name: insert_key
-- The key that signs from a term on.
INSERT INTO ledger_key (public_key, first_term) VALUES (%(public_key)s, %(first_term)s);

-- name: keys
-- All keys, first term first.
SELECT public_key, first_term, last_term FROM ledger_key ORDER BY first_term;
