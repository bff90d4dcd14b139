-- Which generation of the views is read. Generation n is the schema views_n; a rebuild makes the next one beside it.

CREATE TABLE projection_generation (
    live   integer NOT NULL CHECK (live >= 1),
    former integer CHECK (former >= 1 AND former <> live)
);
COMMENT ON TABLE projection_generation IS 'One row: the generation that is read, and the one before it, kept to switch back to.';
CREATE UNIQUE INDEX projection_generation_is_one ON projection_generation ((true));
