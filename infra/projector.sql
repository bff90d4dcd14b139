-- name: session
-- What the views hold can be folded again, so no commit waits for the disk. The few joins with lists of keys are always
-- by index. Whoever freezes within a transaction loses it: the projector that took over waits for no longer.
SELECT set_config('synchronous_commit', 'off', false), set_config('search_path', %(schema)s || ', public', false),
       set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_hashjoin', 'off', false),
       set_config('enable_mergejoin', 'off', false), set_config('enable_seqscan', 'off', false),
       set_config('jit', 'off', false), set_config('idle_in_transaction_session_timeout', '20s', false);

-- name: begin_place
-- The place before the first record, where none is stored yet.
INSERT INTO public.projection_place (projector, generation, topic_id, position, chain_hash, term, "offset", leader_epoch)
VALUES (%(projector)s, %(generation)s, %(topic_id)s, 0, %(chain)s, 0, -1, 0)
    ON CONFLICT (projector, generation) DO NOTHING;

-- name: move_place
-- Move on from the place that is expected; no row where another projector has moved on.
UPDATE public.projection_place
   SET topic_id = %(topic_id)s, position = %(position)s, chain_hash = %(chain)s, term = %(term)s, "offset" = %(offset)s,
       leader_epoch = %(leader_epoch)s
 WHERE projector = %(projector)s AND generation = %(generation)s AND position = %(expected)s;

-- name: events
-- The events of some subjects, in order.
SELECT subject, position, event, type, major, data FROM timeline
 WHERE subject = ANY (%(subjects)s::text[]) ORDER BY subject, position;

-- name: subjects_behind
-- The next subjects, in order.
SELECT subject FROM subject WHERE subject > %(after)s ORDER BY subject LIMIT %(limit)s;

-- name: editions
-- The texts of the editions published up to a position, in order.
SELECT text FROM edition WHERE position <= %(position)s ORDER BY position;

-- name: move_day
-- The last position of a day, as far as it is known.
INSERT INTO day (day, last_position) VALUES (%(day)s, %(last_position)s)
    ON CONFLICT (day) DO UPDATE SET last_position = excluded.last_position;
