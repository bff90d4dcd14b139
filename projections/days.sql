-- The civil days in Asia/Shanghai on which something was recorded.

-- name: tables
-- One row a day.
CREATE TABLE day (
    day           date   NOT NULL,
    last_position bigint NOT NULL
);
COMMENT ON TABLE day IS 'last_position: of the last record of that day.';

-- name: keys
-- By day.
ALTER TABLE day ADD CONSTRAINT day_pkey PRIMARY KEY (day);
