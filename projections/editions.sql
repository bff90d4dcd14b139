-- The published editions, whole.

-- name: tables
-- One row an edition.
CREATE TABLE edition (
    edition  text   COLLATE "C" NOT NULL,
    rulebook text   COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    event    text   COLLATE "C" NOT NULL,
    digest   text   COLLATE "C" NOT NULL,
    text     text   NOT NULL
);
COMMENT ON TABLE edition IS 'position: of the event that published it, from which on it is known.';

-- name: keys
-- By its id.
ALTER TABLE edition ADD CONSTRAINT edition_pkey PRIMARY KEY (edition);
