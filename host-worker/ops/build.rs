//! A new migration is a new file, which `sqlx::migrate!` alone would not notice.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
