-- name: hold_generations
-- One process at a time makes, switches or drops generations.
SELECT pg_advisory_xact_lock(4711, hashtext('credit-ledger generations'));

-- name: hold_rebuild
-- One process at a time fills a new generation; the session holds it.
SELECT pg_advisory_lock(4711, hashtext('credit-ledger rebuild'));

-- name: release_rebuild
-- Let the next one begin.
SELECT pg_advisory_unlock(4711, hashtext('credit-ledger rebuild'));

-- name: live
-- The generation that is read, and the former one.
SELECT live, former FROM public.projection_generation;

-- name: insert_first
-- The first generation.
INSERT INTO public.projection_generation (live) VALUES (%(live)s);

-- name: switch
-- Read another generation from now on.
UPDATE public.projection_generation SET live = %(live)s, former = %(former)s;

-- name: schemas
-- The numbers of all generations that have a schema.
SELECT substr(nspname, 7)::integer FROM pg_namespace WHERE nspname ~ '^views_[0-9]{1,9}$' ORDER BY 1;

-- name: unfinished
-- The newest generation that was begun behind the one that is read, and how it is being filled.
SELECT substr(nspname, 7)::integer AS number, obj_description(oid, 'pg_namespace')
  FROM pg_namespace
 WHERE nspname ~ '^views_[0-9]{1,9}$' AND obj_description(oid, 'pg_namespace') IS NOT NULL
   AND substr(nspname, 7)::integer > (SELECT greatest(live, former) FROM public.projection_generation)
 ORDER BY number DESC LIMIT 1;

-- name: forget_places
-- The places of generations of the views that are dropped; other tables have generations of their own.
DELETE FROM public.projection_place
 WHERE generation = ANY (%(generations)s::integer[])
   AND (projector = %(projector)s OR starts_with(projector, %(projector)s || ' '));

-- name: join_shares
-- Where all shares of a fold have come to the same place, the generation is there.
INSERT INTO public.projection_place (projector, generation, topic_id, position, chain_hash, term, "offset", leader_epoch)
SELECT %(projector)s, generation, topic_id, position, chain_hash, term, "offset", leader_epoch
  FROM public.projection_place
 WHERE generation = %(generation)s AND projector = ANY (%(shares)s::text[])
 GROUP BY generation, topic_id, position, chain_hash, term, "offset", leader_epoch
HAVING count(*) = cardinality(%(shares)s::text[]);

-- name: forget_shares
-- The places of the shares of a fold.
DELETE FROM public.projection_place WHERE generation = %(generation)s AND projector = ANY (%(shares)s::text[]);

-- name: shares_shown
-- Up to which position all shares of a fold have come; null before they began.
SELECT min(position) FROM public.projection_place
 WHERE generation = %(generation)s AND projector = ANY (%(shares)s::text[]);

-- name: place
-- Up to where a generation shows the log, and in which topic that was.
SELECT topic_id, position, chain_hash, term, "offset", leader_epoch FROM public.projection_place
 WHERE projector = %(projector)s AND generation = %(generation)s;

-- name: session_of_indexes
-- Indexes of full tables are sorted in memory as far as they go in; each core has one of them to make.
SELECT set_config('search_path', %(schema)s, true), set_config('maintenance_work_mem', '256MB', true),
       set_config('max_parallel_maintenance_workers', '0', true);
