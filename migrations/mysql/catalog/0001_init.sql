-- What the shop sells. Owner: components/catalog. Money is whole yen, instants are epoch milliseconds UTC. Stock is not here: it is the
-- inventory's.

CREATE TABLE categories (
    id        VARCHAR(64) NOT NULL PRIMARY KEY,
    name      TEXT        NOT NULL,
    name_en   TEXT,
    image_url TEXT        NOT NULL,
    position  BIGINT      NOT NULL UNIQUE  -- their order in the shop
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The columns `search_…` are normalised by crates/search-text: whoever writes a product writes them, and its rows in `product_grams`.
CREATE TABLE products (
    id             BIGINT      NOT NULL PRIMARY KEY,
    category       VARCHAR(64) NOT NULL,
    name           TEXT        NOT NULL,
    name_en        TEXT,
    description    TEXT        NOT NULL,
    description_en TEXT,
    price          BIGINT      NOT NULL CHECK (price >= 1),
    image_url      TEXT        NOT NULL,
    created_at     BIGINT      NOT NULL,
    search_name    TEXT        NOT NULL,  -- name, line feed, English name
    search_text    TEXT        NOT NULL,  -- both descriptions, and the category's names
    CONSTRAINT products_have_an_id CHECK (id BETWEEN 1 AND 4294967295),
    CONSTRAINT products_are_in_a_category FOREIGN KEY (category) REFERENCES categories (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE INDEX products_by_category ON products (category, id);
CREATE INDEX products_by_price ON products (price, id);
CREATE INDEX products_by_age ON products (created_at, id);

-- Japanese has no spaces between words, so the index is of every three characters in a row that a word of `search_name` or `search_text` has
-- (`search_text::grams`). Full-text indexes with such a parser are MySQL's only, MariaDB has none.
CREATE TABLE product_grams (
    gram       VARCHAR(3) NOT NULL,
    product_id BIGINT     NOT NULL,
    PRIMARY KEY (gram, product_id),
    CONSTRAINT product_grams_are_of_products FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
