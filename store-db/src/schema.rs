//! The tables, the same on every backend. The migrations are their specification.

diesel::table! {
    installation (singleton) {
        singleton -> Integer,
        id -> Text,
        cluster_uid -> Nullable<Text>,
        credentials_key -> Nullable<Text>,
        moved_to -> Nullable<Text>,
    }
}

diesel::table! {
    stores (id) {
        id -> Text,
        name -> Text,
        engine -> Text,
        plan -> Text,
        host -> Text,
        store_url -> Text,
        admin_url -> Text,
        admin_username -> Text,
        admin_email -> Text,
        desired -> Text,
        attempt -> BigInt,
        generation -> BigInt,
        state -> Text,
        status -> Text,
        progress -> Text,
        gates -> Text,
        details -> Text,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        ready_at -> Nullable<BigInt>,
        deleted_at -> Nullable<BigInt>,
        admitted -> Bool,
        epoch -> BigInt,
        claim_owner -> Nullable<Text>,
        lease_until -> Nullable<BigInt>,
        due_at -> Nullable<BigInt>,
        in_flight -> Nullable<Text>,
        protected -> Bool,
    }
}

diesel::table! {
    sealed_passwords (store_id) {
        store_id -> Text,
        key_id -> Text,
        sealed -> Binary,
    }
}

diesel::table! {
    events (position) {
        position -> BigInt,
        store_id -> Text,
        kind -> Text,
        status -> Text,
        step -> Nullable<Text>,
        message -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    idempotency_keys (key) {
        key -> Text,
        fingerprint -> Text,
        store_id -> Text,
        created_at -> BigInt,
    }
}
