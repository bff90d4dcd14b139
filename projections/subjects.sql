-- Who the subjects are, and what leads to them. Every row says from which position on it is known; none is ever changed.

-- name: tables
-- One row a subject, one a name that it ever bore, one an identifier that leads to it.
CREATE TABLE subject (
    subject       text    COLLATE "C" NOT NULL,
    kind          text    COLLATE "C" NOT NULL,
    region        text    COLLATE "C",
    registered_at bigint  NOT NULL
);
COMMENT ON TABLE subject IS 'registered_at: the position of its first event, from which on it is known.';
CREATE TABLE subject_name (
    subject    text   COLLATE "C" NOT NULL,
    known_from bigint NOT NULL,
    name       text   NOT NULL,
    folded     text   COLLATE "C" NOT NULL,
    grams      text[] COLLATE "C" NOT NULL
);
COMMENT ON TABLE subject_name IS 'As known at P the present name is that of the greatest known_from <= P, the others are former ones. grams: the characters and pairs of neighbours in folded, each once, sorted.';
CREATE TABLE subject_identifier (
    kind       text    COLLATE "C" NOT NULL,
    value      text    COLLATE "C" NOT NULL,
    subject    text    COLLATE "C" NOT NULL,
    known_from bigint  NOT NULL,
    held       boolean NOT NULL,
    ordinal    integer NOT NULL
);
COMMENT ON TABLE subject_identifier IS 'held: given to the subject itself; false for the organisation code inside a credit code, which leads to it too. ordinal: in the order given to the subject.';

-- name: keys
-- What the projector itself needs.
ALTER TABLE subject ADD CONSTRAINT subject_pkey PRIMARY KEY (subject);
ALTER TABLE subject_name ADD CONSTRAINT subject_name_pkey PRIMARY KEY (subject, known_from);
ALTER TABLE subject_identifier ADD CONSTRAINT subject_identifier_pkey PRIMARY KEY (kind, value, subject, known_from, ordinal);

-- name: indexes
-- What readers need: by what a name holds, by the identifiers of a subject.
CREATE INDEX subject_name_grams ON subject_name USING gin (grams) WITH (fastupdate = off);
CREATE INDEX subject_identifier_subject ON subject_identifier (subject, ordinal) INCLUDE (kind, value, held, known_from);
