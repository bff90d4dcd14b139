-- name: session
-- What a table shows can be folded again, so no commit waits for the disk. Whoever freezes within a transaction loses it.
SELECT set_config('synchronous_commit', 'off', false), set_config('search_path', %(schema)s || ', public', false),
       set_config('jit', 'off', false), set_config('idle_in_transaction_session_timeout', '20s', false);
