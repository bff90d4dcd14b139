-- name: table
-- The totals of each subject. Rows change often: room is left on each page, so that no index need change with them.
CREATE TABLE subject_total (
    subject text COLLATE "C" PRIMARY KEY,
    cents   bigint  NOT NULL,
    events  integer NOT NULL,
    last_on date,
    band    text    NOT NULL
) WITH (fillfactor = 50);
