realm_primitives::decl_runtime_apis! {
    pub unsafe trait Api {
        async fn waits() -> bool;
        unsafe fn dares() -> bool;
        extern "C" fn foreign() -> bool;
        fn body() -> bool {
            true
        }
    }
}

fn main() {}
