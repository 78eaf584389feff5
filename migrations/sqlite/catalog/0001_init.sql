-- What the shop sells. Owner: components/catalog. Money is whole yen, instants are epoch milliseconds UTC. Stock is not here: it is the
-- inventory's.

CREATE TABLE categories (
    id        TEXT    PRIMARY KEY,
    name      TEXT    NOT NULL,
    name_en   TEXT,
    image_url TEXT    NOT NULL,
    position  INTEGER NOT NULL UNIQUE  -- their order in the shop
) STRICT, WITHOUT ROWID;

-- The columns `search_…` are normalised by crates/search-text: whoever writes a product writes them.
CREATE TABLE products (
    id             INTEGER PRIMARY KEY,
    category       TEXT    NOT NULL REFERENCES categories (id),
    name           TEXT    NOT NULL,
    name_en        TEXT,
    description    TEXT    NOT NULL,
    description_en TEXT,
    price          INTEGER NOT NULL CHECK (price >= 1),
    image_url      TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    search_name    TEXT    NOT NULL,  -- name, line feed, English name
    search_text    TEXT    NOT NULL,  -- both descriptions, and the category's names
    CHECK (id BETWEEN 1 AND 4294967295)
) STRICT;

CREATE INDEX products_by_category ON products (category, id);
CREATE INDEX products_by_price ON products (price, id);
CREATE INDEX products_by_age ON products (created_at, id);

-- Japanese has no spaces between words, so the index is of every three characters in a row. It holds no text of its own and follows
-- `products` by the triggers below.
CREATE VIRTUAL TABLE products_fts USING fts5 (
    search_name,
    search_text,
    content = 'products',
    content_rowid = 'id',
    tokenize = 'trigram case_sensitive 1'  -- normalised text is lower case
);

CREATE TRIGGER products_inserted AFTER INSERT ON products BEGIN
    INSERT INTO products_fts (rowid, search_name, search_text) VALUES (new.id, new.search_name, new.search_text);
END;

CREATE TRIGGER products_deleted AFTER DELETE ON products BEGIN
    INSERT INTO products_fts (products_fts, rowid, search_name, search_text)
    VALUES ('delete', old.id, old.search_name, old.search_text);
END;

CREATE TRIGGER products_updated AFTER UPDATE ON products BEGIN
    INSERT INTO products_fts (products_fts, rowid, search_name, search_text)
    VALUES ('delete', old.id, old.search_name, old.search_text);
    INSERT INTO products_fts (rowid, search_name, search_text) VALUES (new.id, new.search_name, new.search_text);
END;
