-- name: generations
-- The generation that is read and the former one, and up to where each shows the log (null: not begun).
SELECT g.live, p.position, g.former, f.position
  FROM public.projection_generation AS g
  LEFT JOIN public.projection_place AS p ON p.projector = 'views' AND p.generation = g.live
  LEFT JOIN public.projection_place AS f ON f.projector = 'views' AND f.generation = g.former;

-- name: try_rebuild
-- Fill generations alone, where nobody else does just now; the session holds it.
SELECT pg_try_advisory_lock(4711, hashtext('credit-ledger rebuild'));

-- name: hold_place
-- From here to the end of the transaction no projector moves this generation on.
SELECT position FROM public.projection_place WHERE projector = 'views' AND generation = %(generation)s FOR UPDATE;

-- name: columns
-- What columns the tables of a generation have.
SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %(schema)s;
