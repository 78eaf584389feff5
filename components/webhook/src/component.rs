//! Where the component meets its host.

#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> edge::Answer {
    edge::serve(request, crate::route).await
}
