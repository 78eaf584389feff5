//! The private HTTP API, for `bff` and `order`.

use edge::{Answer, Body, Code, Method, Problem, RequestContext, StatusCode, log, respond};
use serde_json::json;
use store::{Database, StoreError};

use crate::products::Product;
use crate::stock::{Inventory, Stock, StockError};
use crate::{categories, filter, products};

/// Seconds until a database that did not answer is worth another try.
const RETRY: u32 = 1;

/// What answers are made from.
#[derive(Debug)]
pub struct Catalog<S> {
    pub database: Database,
    pub stock: S,
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Stock(#[from] StockError),
}

pub async fn dispatch<B: Body>(ctx: &RequestContext, _body: B) -> Result<Answer, Problem> {
    let database = Database::open("catalog")
        .await
        .map_err(|error| unavailable(ctx, &error.into()))?;
    let catalog = Catalog {
        database,
        stock: Inventory,
    };
    catalog.answer(ctx).await
}

impl<S: Stock> Catalog<S> {
    pub async fn answer(&self, ctx: &RequestContext) -> Result<Answer, Problem> {
        let segments = ctx.segments();
        if let ["categories"] | ["products"] | ["products", _] = segments.as_slice() {
            ctx.allow(&[Method::GET])?;
        }
        match segments.as_slice() {
            ["categories"] => self.categories(ctx).await,
            ["products"] => self.page(ctx, &filter::Filter::of_list(ctx)?).await,
            ["products", "search"] => self.page(ctx, &filter::Filter::of_search(ctx)?).await,
            ["products", "suggest"] => self.suggestions(ctx).await,
            ["products", "batch"] => self.batch(ctx).await,
            ["products", id] => self.product(ctx, id).await,
            _ => Err(Code::NotFound.into()),
        }
    }

    async fn categories(&self, ctx: &RequestContext) -> Result<Answer, Problem> {
        let items = categories::all(&self.database)
            .await
            .map_err(|error| unavailable(ctx, &error.into()))?;
        respond::json(StatusCode::OK, &json!({ "items": items }))
    }

    async fn page(&self, ctx: &RequestContext, filter: &filter::Filter) -> Result<Answer, Problem> {
        let read = async {
            let (items, total) = products::list(&self.database, filter).await?;
            Ok((self.with_stock(items).await?, total))
        };
        let (items, total) = read.await.map_err(|error| unavailable(ctx, &error))?;
        let page = filter.page;
        respond::json(
            StatusCode::OK,
            &json!({ "items": items, "page": page.number, "size": page.size, "total": total }),
        )
    }

    async fn suggestions(&self, ctx: &RequestContext) -> Result<Answer, Problem> {
        let words = filter::suggest(ctx)?;
        let items = products::suggestions(&self.database, &words)
            .await
            .map_err(|error| unavailable(ctx, &error.into()))?;
        respond::json(StatusCode::OK, &json!({ "items": items }))
    }

    async fn batch(&self, ctx: &RequestContext) -> Result<Answer, Problem> {
        let ids = filter::ids(ctx)?;
        let read = async {
            self.with_stock(products::batch(&self.database, &ids).await?)
                .await
        };
        let items = read.await.map_err(|error| unavailable(ctx, &error))?;
        respond::json(StatusCode::OK, &json!({ "items": items }))
    }

    async fn product(&self, ctx: &RequestContext, id: &str) -> Result<Answer, Problem> {
        let not_found = || Problem::new(Code::ProductNotFound);
        let id = filter::product_id(id).ok_or_else(not_found)?;
        let read = async {
            let product = products::find(&self.database, id).await?;
            self.with_stock(product.into_iter().collect()).await
        };
        let found = read.await.map_err(|error| unavailable(ctx, &error))?;
        respond::json(StatusCode::OK, found.first().ok_or_else(not_found)?)
    }

    /// Asks for the stock of all of them at once.
    async fn with_stock(&self, mut products: Vec<Product>) -> Result<Vec<Product>, ReadError> {
        if products.is_empty() {
            return Ok(products);
        }
        let ids = products.iter().map(|product| product.id).collect();
        let levels = self.stock.levels(ids).await?;
        for product in &mut products {
            product.stock = levels.get(&product.id).copied().unwrap_or(0);
        }
        Ok(products)
    }
}

/// The reason is for the log; the caller can only try again.
fn unavailable(ctx: &RequestContext, error: &ReadError) -> Problem {
    log::error(ctx, "catalog_not_read", json!({ "error": error.to_string() }));
    Problem::new(Code::ServiceUnavailable).with_retry_after(RETRY)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::testing::Shop;
    use serde_json::{Value, json};

    fn ids(answer: &Value) -> Vec<u64> {
        let items = answer["items"].as_array().unwrap();
        items.iter().map(|item| item["id"].as_u64().unwrap()).collect()
    }

    store::on_each_database! {
    fn a_product_is_shown_with_its_stock_in_one_question() {
        let shop = Shop::new();
        let (status, product) = shop.get("/products/1");
        assert_eq!(status, 200);
        assert_eq!(
            product,
            json!({"id": 1, "name": "白いマグカップ", "nameEn": "White Mug", "description": "電子レンジで使えます",
                   "descriptionEn": "Microwave safe", "price": 2200, "category": "kitchen",
                   "imageUrl": "/images/products/1.svg", "stock": 7})
        );
        assert_eq!(shop.stock_questions(), [vec![1]]);
    }

    fn a_product_without_english_or_stock_says_so() {
        let (_, product) = Shop::new().get("/products/4");
        assert_eq!(product["stock"], 0);
        let members = product.as_object().unwrap();
        assert!(
            !members.contains_key("nameEn") && !members.contains_key("descriptionEn"),
            "{product}"
        );
    }

    fn unknown_products_and_what_is_no_id_are_not_found() {
        let shop = Shop::new();
        for id in [
            "999",
            "0",
            "-1",
            "+1",
            "01",
            "1.0",
            "x",
            "",
            "4294967296",
            "1%20OR%201=1",
        ] {
            let (status, problem) = shop.get(&format!("/products/{id}"));
            assert_eq!(
                (status, &problem["code"]),
                (404, &json!("PRODUCT_NOT_FOUND")),
                "{id}"
            );
        }
        assert!(shop.stock_questions().is_empty());
    }

    fn unknown_paths_and_other_methods_are_refused() {
        let shop = Shop::new();
        for path in ["/", "/product", "/products/1/stock", "/categories/kitchen"] {
            let (status, problem) = shop.get(path);
            assert_eq!((status, &problem["code"]), (404, &json!("NOT_FOUND")), "{path}");
        }
        for path in ["/categories", "/products", "/products/1", "/products/search"] {
            assert_eq!(shop.ask("POST", path).0, 405, "{path}");
        }
        assert_eq!(shop.ask("HEAD", "/products/1").0, 200);
    }

    fn a_list_is_cut_into_pages_that_hold_each_product_once() {
        let shop = Shop::new();
        let (_, first) = shop.get("/products?size=4");
        let (_, second) = shop.get("/products?size=4&page=2");
        assert_eq!(ids(&first), [1, 2, 3, 4]);
        assert_eq!(ids(&second), [5, 6]);
        assert_eq!(
            (&first["page"], &first["size"], &first["total"]),
            (&json!(1), &json!(4), &json!(6))
        );
        let (status, beyond) = shop.get("/products?page=4294967295&size=100");
        assert_eq!((status, ids(&beyond), &beyond["total"]), (200, vec![], &json!(6)));
        assert_eq!(shop.stock_questions(), [vec![1, 2, 3, 4], vec![5, 6]]);
    }

    fn a_category_narrows_a_list_and_an_unknown_one_empties_it() {
        let shop = Shop::new();
        assert_eq!(ids(&shop.get("/products?category=kitchen").1), [1, 2, 3]);
        let (status, none) = shop.get("/products?category=x%27%20OR%201%3D1--");
        assert_eq!((status, ids(&none), &none["total"]), (200, vec![], &json!(0)));
    }

    fn search_finds_any_spelling_long_or_short() {
        let shop = Shop::new();
        for (query, found) in [
            ("マグカップ", vec![1, 2]),
            ("まぐかっぷ", vec![1, 2]),
            ("ﾏｸﾞｶｯﾌﾟ", vec![1, 2]),
            ("マグ", vec![1, 2]),
            ("ＭＵＧ", vec![1, 2]),
            ("青い マグカップ", vec![2]),
            ("青い マグ", vec![2]),
            ("鍋", vec![3]),
            ("土鍋", vec![3]),
            ("ない言葉", vec![]),
            ("", vec![1, 2, 3, 4, 5, 6]),
        ] {
            let (status, answer) = shop.search(&[("q", query)]);
            // Their order is another test's.
            let mut shown = ids(&answer);
            shown.sort_unstable();
            assert_eq!((status, shown), (200, found.clone()), "{query}");
            assert_eq!(answer["total"], found.len(), "{query}");
        }
    }

    fn nothing_that_is_typed_is_an_error_or_matches_by_syntax() {
        let shop = Shop::new();
        for (query, found) in [
            ("%", vec![5]),
            ("_", vec![]),
            ("100%", vec![5]),
            ("0%_", vec![]),
            ("\"", vec![]),
            ("\"\"\"", vec![]),
            ("mug*", vec![]),
            ("mug OR note", vec![]),
            ("NEAR(mug note)", vec![]),
            ("search_name:mug", vec![]),
            ("mug AND", vec![]),
            ("-mug", vec![]),
            ("^mug", vec![]),
            ("'; DROP TABLE products; --", vec![]),
            ("\\", vec![]),
            ("\0\0\0", vec![1, 2, 3, 4, 5, 6]),
        ] {
            for path in ["/products/search", "/products/suggest"] {
                let (status, answer) = shop.ask_with("GET", path, &[("q", query)]);
                assert_eq!(status, 200, "{path} {query}: {answer}");
                if path.ends_with("search") {
                    assert_eq!(ids(&answer), found, "{query}");
                }
            }
        }
    }

    fn names_count_for_more_than_descriptions() {
        let shop = Shop::new();
        // The notebook (6) is one by name; the pencil (4), which is older, only speaks of notebooks.
        assert_eq!(ids(&shop.search(&[("q", "ノート")]).1), [6, 4]);
        assert_eq!(ids(&shop.search(&[("q", "帳面")]).1), [6, 4]);
    }

    fn prices_are_bounds_and_orders() {
        let shop = Shop::new();
        let search = |parameters: &[(&str, &str)]| ids(&shop.search(parameters).1);
        assert_eq!(search(&[("minPrice", "660"), ("maxPrice", "2200")]), [1, 6]);
        assert_eq!(search(&[("sort", "price_asc")]), [5, 4, 6, 1, 2, 3]);
        assert_eq!(search(&[("sort", "price_desc")]), [3, 2, 1, 6, 4, 5]);
        assert_eq!(search(&[("sort", "newest")]), [6, 5, 4, 3, 2, 1]);
        assert_eq!(search(&[("q", "マグカップ"), ("sort", "price_desc")]), [2, 1]);
        assert_eq!(
            search(&[("q", "マグカップ"), ("category", "stationery")]),
            [0_u64; 0]
        );
    }

    fn a_wrong_filter_is_refused_by_name() {
        let (status, problem) = Shop::new().get("/products?size=101");
        assert_eq!((status, &problem["code"]), (400, &json!("VALIDATION_FAILED")));
        assert_eq!(problem["errors"][0]["field"], "size");
    }

    fn suggestions_are_names_that_begin_with_what_was_typed_then_those_that_hold_it() {
        let shop = Shop::new();
        let suggest = |typed: &str| ids(&shop.ask_with("GET", "/products/suggest", &[("q", typed)]).1);
        assert_eq!(suggest("ノ"), [6]);
        assert_eq!(suggest("青いまぐか"), [2]);
        assert_eq!(suggest("w"), [1]);
        // `Blue Mug` begins with b; `pencil (B)` only holds one.
        assert_eq!(suggest("b"), [2, 4, 6]);
        assert_eq!(suggest("レンジ"), [0_u64; 0], "descriptions do not count");
        assert_eq!(suggest(""), [0_u64; 0]);
        assert!(shop.stock_questions().is_empty());
    }

    fn a_batch_leaves_out_what_does_not_exist() {
        let shop = Shop::new();
        let (status, answer) = shop.get("/products/batch?ids=3,999,1,3");
        assert_eq!((status, ids(&answer)), (200, vec![1, 3]));
        assert_eq!(answer["items"][0]["stock"], 7);
        assert_eq!(shop.get("/products/batch?ids=999").1, json!({"items": []}));
        assert_eq!(shop.get("/products/batch").0, 400);
    }

    fn categories_come_in_the_shops_order_with_their_number_of_products() {
        assert_eq!(
            Shop::new().get("/categories").1,
            json!({"items": [
                {"id": "stationery", "name": "文具", "imageUrl": "/images/categories/stationery.svg", "count": 3},
                {"id": "kitchen", "name": "キッチン", "nameEn": "Kitchen", "imageUrl": "/images/categories/kitchen.svg", "count": 3},
                {"id": "food", "name": "食品", "imageUrl": "/images/categories/food.svg", "count": 0},
            ]})
        );
    }

    fn an_inventory_that_does_not_answer_is_a_503_and_its_words_stay_inside() {
        let shop = Shop::new().without_inventory();
        for path in [
            "/products",
            "/products/1",
            "/products/batch?ids=1",
            "/products/search?q=mug",
        ] {
            let (status, problem) = shop.get(path);
            assert_eq!(
                (status, &problem["code"]),
                (503, &json!("SERVICE_UNAVAILABLE")),
                "{path}"
            );
            assert!(!problem.to_string().contains("on fire"), "{problem}");
        }
        assert_eq!(shop.get("/categories").0, 200);
        assert_eq!(shop.get("/products/999").0, 404);
    }

    fn a_catalogue_that_cannot_be_read_is_a_503() {
        let shop = Shop::new();
        shop.lose_tables();
        for path in [
            "/products",
            "/products/1",
            "/products/suggest?q=mug",
            "/categories",
        ] {
            assert_eq!(shop.get(path).0, 503, "{path}");
        }
    }
    }
}
