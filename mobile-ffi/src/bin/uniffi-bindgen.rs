//! Generates the bindings from the built library:
//! `cargo run -p liuhen-mobile --features bindgen --bin uniffi-bindgen -- generate --library
//! target/debug/libliuhen_mobile.so --language python --out-dir DIR`

fn main() {
    uniffi::uniffi_bindgen_main();
}
