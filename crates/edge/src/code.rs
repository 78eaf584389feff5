use http::StatusCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:ident, $title:literal;)*) => {
        /// What went wrong, in a form that clients may rely on: a code never changes its meaning or its status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, for documents and tests that must cover all of them.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The code as it stands in a problem document, for example `OUT_OF_STOCK`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// The HTTP status that always goes with this code.
            pub const fn status(self) -> StatusCode {
                match self { $(Code::$variant => StatusCode::$status,)* }
            }

            /// The problem's title, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }
        }
    };
}

codes! {
    /// A field is missing or out of its range; `errors` names it.
    ValidationFailed = "VALIDATION_FAILED", BAD_REQUEST, "The request is not valid";
    /// The body is not JSON; `detail` says where.
    MalformedJson = "MALFORMED_JSON", BAD_REQUEST, "The body is not valid JSON";
    /// An order without lines.
    EmptyCart = "EMPTY_CART", BAD_REQUEST, "The order has no items";
    /// The header `Idempotency-Key` is missing or not 1 to 128 visible ASCII characters.
    IdempotencyKeyRequired = "IDEMPOTENCY_KEY_REQUIRED", BAD_REQUEST, "An Idempotency-Key is required";
    /// No session, or it has ended.
    Unauthenticated = "UNAUTHENTICATED", UNAUTHORIZED, "Log in first";
    /// The identity token is not acceptable.
    InvalidToken = "INVALID_TOKEN", UNAUTHORIZED, "The identity token is not valid";
    /// A change was asked for from a page of another origin.
    OriginRejected = "ORIGIN_REJECTED", FORBIDDEN, "The request comes from another origin";
    /// Logged in, but not allowed to do this.
    Forbidden = "FORBIDDEN", FORBIDDEN, "Not allowed";
    /// No such route.
    NotFound = "NOT_FOUND", NOT_FOUND, "There is nothing at this address";
    /// No such product.
    ProductNotFound = "PRODUCT_NOT_FOUND", NOT_FOUND, "There is no such product";
    /// No such order, or it is somebody else's.
    OrderNotFound = "ORDER_NOT_FOUND", NOT_FOUND, "There is no such order";
    /// No such saga.
    SagaNotFound = "SAGA_NOT_FOUND", NOT_FOUND, "There is no such saga";
    /// No such alert. Told by the worker.
    AlertNotFound = "ALERT_NOT_FOUND", NOT_FOUND, "There is no such alert";
    /// No state machine of that name is registered.
    StateMachineNotFound = "STATE_MACHINE_NOT_FOUND", NOT_FOUND, "There is no such state machine";
    /// The route exists, the method does not; the header `Allow` lists those that do.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", METHOD_NOT_ALLOWED, "The method is not allowed here";
    /// Fewer pieces are free than were asked for.
    OutOfStock = "OUT_OF_STOCK", CONFLICT, "Out of stock";
    /// The account's balance is lower than the amount.
    InsufficientBalance = "INSUFFICIENT_BALANCE", CONFLICT, "The balance is too low";
    /// The first request with this idempotency key is still being worked on.
    RequestInProgress = "REQUEST_IN_PROGRESS", CONFLICT, "The same request is in progress";
    /// The order is paid, refunded or failed: there is nothing left to pay.
    OrderFinal = "ORDER_FINAL", CONFLICT, "The order is final";
    /// The order cannot be cancelled any more.
    OrderNotCancelable = "ORDER_NOT_CANCELABLE", CONFLICT, "The order cannot be cancelled";
    /// The order was not paid, or PayPay refuses to give the money back.
    OrderNotRefundable = "ORDER_NOT_REFUNDABLE", CONFLICT, "The order cannot be refunded";
    /// What the saga or the state machine is now does not allow it, or somebody works on it at this moment.
    SagaConflict = "SAGA_CONFLICT", CONFLICT, "The saga does not allow this now";
    /// The alert is resolved already. Told by the worker.
    AlertConflict = "ALERT_CONFLICT", CONFLICT, "The alert does not allow this now";
    /// The body is larger than the route takes.
    BodyTooLarge = "BODY_TOO_LARGE", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body is not declared as JSON.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", UNSUPPORTED_MEDIA_TYPE, "The content type must be application/json";
    /// An order names a product that does not exist.
    UnknownProduct = "UNKNOWN_PRODUCT", UNPROCESSABLE_ENTITY, "The order names an unknown product";
    /// A state machine's definition that cannot run; `errors` names state and key.
    InvalidDefinition = "INVALID_DEFINITION", UNPROCESSABLE_ENTITY, "The definition is not valid";
    /// The idempotency key was used with another request.
    IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED", UNPROCESSABLE_ENTITY, "The Idempotency-Key was used for another request";
    /// A webhook for another merchant.
    MerchantMismatch = "MERCHANT_MISMATCH", UNPROCESSABLE_ENTITY, "The event is for another merchant";
    /// A webhook whose amount is not the order's.
    AmountMismatch = "AMOUNT_MISMATCH", UNPROCESSABLE_ENTITY, "The amount is not the order's";
    /// A webhook with a state that is not PayPay's.
    UnknownState = "UNKNOWN_STATE", UNPROCESSABLE_ENTITY, "The payment state is not known";
    /// A defect or a missing setting on our side.
    Internal = "INTERNAL", INTERNAL_SERVER_ERROR, "Something went wrong on our side";
    /// PayPay cannot be reached.
    PaymentUnavailable = "PAYMENT_UNAVAILABLE", SERVICE_UNAVAILABLE, "PayPay cannot be reached at the moment";
    /// The session store cannot be read.
    SessionStoreUnavailable = "SESSION_STORE_UNAVAILABLE", SERVICE_UNAVAILABLE, "Sessions cannot be checked at the moment";
    /// A part of the shop, such as its database or another component, did not answer.
    ServiceUnavailable = "SERVICE_UNAVAILABLE", SERVICE_UNAVAILABLE, "A part of the shop is not available at the moment";
    /// Too many requests at once.
    Overloaded = "OVERLOADED", SERVICE_UNAVAILABLE, "Too many requests at once";
    /// A part of the shop took too long.
    Timeout = "TIMEOUT", GATEWAY_TIMEOUT, "The answer took too long";
}

impl Code {
    /// The code with this name, if it is one of ours.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    /// The problem's `type`: an identifier, not a page, the same for every occurrence.
    pub fn type_uri(self) -> String {
        let slug = self.as_str().to_ascii_lowercase().replace('_', "-");
        format!("https://kessai.example/problems/{slug}")
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_code_is_found_by_its_name_and_is_an_error() {
        for &code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(code));
            assert!(
                code.status().is_client_error() || code.status().is_server_error(),
                "{code}"
            );
            assert!(!code.title().is_empty());
        }
    }

    #[test]
    fn the_api_document_lists_exactly_these_codes() {
        let document = include_str!("../../../docs/openapi.yaml");
        let (_, list) = document.split_once("    ProblemCode:\n").unwrap();
        let (_, list) = list.split_once("enum:\n").unwrap();
        let mut documented: Vec<&str> = list
            .lines()
            .map_while(|line| line.strip_prefix("        - "))
            .collect();
        let mut ours: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        documented.sort_unstable();
        ours.sort_unstable();
        assert_eq!(documented, ours);
    }

    #[test]
    fn the_type_is_a_uri_made_from_the_code() {
        assert_eq!(
            Code::OutOfStock.type_uri(),
            "https://kessai.example/problems/out-of-stock"
        );
    }
}
