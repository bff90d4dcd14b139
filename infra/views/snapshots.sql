-- name: position
-- The position of the live generation.
SELECT p.position
  FROM public.projection_generation AS g
  JOIN public.projection_place AS p ON p.projector = 'views' AND p.generation = g.live;

-- name: open
-- Begin to read the live generation: one snapshot, its schema for the time of the transaction, its position. Plans are
-- made for the values asked: how far back a position lies decides which index serves.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT coalesce(p.position, 0), set_config('search_path', 'views_' || g.live || ', public', true),
       set_config('plan_cache_mode', 'force_custom_plan', true)
  FROM public.projection_generation AS g
  LEFT JOIN public.projection_place AS p ON p.projector = 'views' AND p.generation = g.live;
