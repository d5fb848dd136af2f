realm_primitives::decl_runtime_apis! {
    #[changed_in(2)]
    pub trait Api {
        #[inline]
        fn attribute() -> bool;
        #[stream]
        fn no_item() -> bool;
        #[stream(u32)]
        #[stream(u64)]
        fn two_items() -> bool;
        fn argument(#[allow(unused)] text: String) -> bool;
    }
}

fn main() {}
