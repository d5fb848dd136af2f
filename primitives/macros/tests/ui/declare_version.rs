realm_primitives::decl_runtime_apis! {
    #[api_version(0)]
    pub trait Zero {
        fn method() -> bool;
    }

    #[api_version("one")]
    pub trait Text {
        fn method() -> bool;
    }

    #[api_version(1)]
    #[api_version(2)]
    pub trait Twice {
        fn method() -> bool;
    }

    #[api_version(4294967296)]
    pub trait Large {
        fn method() -> bool;
    }
}

fn main() {}
