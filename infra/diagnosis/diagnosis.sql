-- name: session
-- A session that looks, and can do nothing else.
SELECT set_config('default_transaction_read_only', 'on', false), set_config('statement_timeout', '5s', false),
       set_config('lock_timeout', '1s', false), set_config('application_name', 'credit-ledger doctor', false);

-- name: server
-- The server's version, its clock, whether it keeps what it has said to keep.
SELECT current_setting('server_version'), current_setting('server_version_num')::integer, clock_timestamp(),
       current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on';

-- name: head
-- The ledger of this database, and whether the server that opened its term is the one that answers.
SELECT ledger, position, term, recorded_at, state, reason, server_started_at = pg_postmaster_start_time() FROM ledger_head;

-- name: schemas
-- The generations that have a schema, and whether a process makes or verifies one just now.
SELECT array(SELECT substr(nspname, 7)::integer FROM pg_namespace WHERE nspname ~ '^views_[0-9]{1,9}$' ORDER BY 1),
       EXISTS (SELECT FROM pg_locks
                WHERE locktype = 'advisory' AND granted AND classid = 4711 AND objsubid = 2
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND objid = (hashtext('credit-ledger rebuild')::bigint & 4294967295)::oid);

-- name: halt
-- Before which record the projector of a generation has stopped.
SELECT position, event, type FROM projection_halt WHERE generation = %(generation)s AND position > %(shown)s;

-- name: records
-- Records behind a position, in order.
SELECT position, bytes FROM ledger_record WHERE position > %(after)s ORDER BY position LIMIT %(limit)s;

-- name: approvals
-- The approvals of operators to pass over a record, behind a position.
SELECT bytes FROM ledger_record WHERE subject = 'ledger' AND type = 'projection-skip-approved' AND position > %(after)s;
