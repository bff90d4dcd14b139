-- Presence on lists in two times: one interval a listing.

-- name: tables
-- What is known now, and what was known from one position to another.
CREATE TABLE listing_now (
    list            text    COLLATE "C" NOT NULL,
    subject         text    COLLATE "C" NOT NULL,
    listing         text    COLLATE "C" NOT NULL,
    position        bigint  NOT NULL,
    list_name       text,
    regime          text    COLLATE "C",
    edition         text    COLLATE "C",
    dated           boolean NOT NULL,
    effective_from  date    NOT NULL,
    effective_until date    NOT NULL,
    verified        boolean NOT NULL,
    known_from      bigint  NOT NULL
);
COMMENT ON TABLE listing_now IS 'listing, position: the event that opened it; effective_until infinity: without end.';
CREATE TABLE listing_was (LIKE listing_now, known_until bigint NOT NULL);
COMMENT ON TABLE listing_was IS 'known_until: the first position from which on the row is not known any more.';

-- name: keys
-- By list in the order of subjects, by subject.
ALTER TABLE listing_now ADD CONSTRAINT listing_now_pkey PRIMARY KEY (list, subject, listing, effective_from);
CREATE INDEX listing_now_subject ON listing_now (subject);

-- name: indexes
-- By list and last day, by list in the order of subjects, by subject; what was known early, when little was.
CREATE INDEX listing_now_until ON listing_now (list, effective_until) INCLUDE (effective_from, known_from);
CREATE INDEX listing_was_page ON listing_was (list, subject, listing, known_until)
    INCLUDE (known_from, effective_from, effective_until);
CREATE INDEX listing_was_subject ON listing_was (subject, known_until);
CREATE INDEX listing_was_until ON listing_was (list, known_until) INCLUDE (known_from, effective_from, effective_until);
CREATE INDEX listing_now_known ON listing_now (known_from);
CREATE INDEX listing_was_known ON listing_was (known_from);
