//! What upgrades compute is in the books: the tenant's whose own runtime it is, or the operator's.

use super::{
    blob::{Blob, COMPUTE, COMPUTE_IMPORTS, COMPUTED_TOKENS},
    fixture::{Fixture, hex},
};
use realm_chain_spec::TenantPrices;
use serde_json::{Value, json};

/// A token costs a thousand.
const PRICES: TenantPrices = TenantPrices {
    prompt_nano_usd_per_1k: 1_000_000,
    cached_nano_usd_per_1k: 1_000_000,
    generated_nano_usd_per_1k: 1_000_000,
};

/// A blob whose trial call and migration compute.
fn computing(spec_version: u32) -> Vec<u8> {
    let migrate = COMPUTE.replace("$healthy", "$ok").leak();
    Blob { imports: COMPUTE_IMPORTS, health_check: COMPUTE, migrate, ..Blob::version(spec_version) }.wasm()
}

/// What the books say of somebody.
async fn usage(fixture: &mut Fixture, tenant: &str) -> Value {
    fixture.node.node.dispatcher().metering.flush().await;
    fixture.admin.result("realm_usage", json!([tenant, null, null, "month"])).await["total"].clone()
}

/// A dry run whose `health_check` computed 4,500 tokens left all figures of the usage at zero, for anybody, as often as
/// one liked.
#[tokio::test(flavor = "multi_thread")]
async fn dry_runs_are_charged_to_the_tenant_or_noted_as_the_operators() {
    let mut fixture = Fixture::with(&Blob::version(1), |config| config.chain.tenants[0].prices = PRICES).await;
    let model = fixture.tenant("dev").resources.model.clone().expect("a model");
    let code = hex(&computing(2));

    fixture.admin.result("realm_dryRunUpgrade", json!([code, "dev"])).await;
    let own = usage(&mut fixture, "dev").await;
    assert_eq!(
        (&own["computed_tokens"], &own["prompt_tokens"]),
        (&json!(2 * COMPUTED_TOKENS), &own["computed_tokens"])
    );
    assert_eq!(own["cost_nano_usd"], json!(2 * COMPUTED_TOKENS * 1_000), "{own}");

    fixture.admin.result("realm_dryRunUpgrade", json!([code])).await;
    let shared = usage(&mut fixture, "(operator)").await;
    assert_eq!(
        (&shared["computed_tokens"], &shared["cost_nano_usd"]),
        (&own["computed_tokens"], &json!(0)),
        "{shared}"
    );
    assert_eq!(usage(&mut fixture, "dev").await, own, "it pays for its own only");

    // An upgrade and a rollback are no different.
    fixture.upgrade_tenant(&computing(2), "dev").await;
    fixture.roll_back(Some("dev")).await;
    let all = usage(&mut fixture, "dev").await["computed_tokens"].as_u64().expect("a number");
    assert_eq!(all + 2 * COMPUTED_TOKENS, model.model().counters().tokens);
    assert_eq!(all, 4 * COMPUTED_TOKENS, "the code it goes back to computes nothing");
    fixture.node.node.stop().await;
}

/// So a tenant's administrator could use the model for nothing, past every limit of the tenant.
#[tokio::test(flavor = "multi_thread")]
async fn dry_runs_keep_to_the_tenants_limits() {
    let mut fixture = Fixture::with(&Blob::version(1), |config| {
        let tenant = &mut config.chain.tenants[0];
        (tenant.limits.tokens_per_minute, tenant.limits.tokens_burst) = (60, 60);
    })
    .await;
    let dry_run = json!([hex(&computing(2)), "dev"]);
    fixture.admin.result("realm_dryRunUpgrade", dry_run.clone()).await;
    let refused = fixture.admin.error("realm_dryRunUpgrade", dry_run).await;
    assert_eq!(
        (&refused["data"]["code"], &refused["data"]["limit"]),
        (&json!("RATE_LIMIT"), &json!("tokens")),
        "{refused}"
    );
    fixture.node.node.stop().await;

    let mut fixture = Fixture::with(&Blob::version(1), |config| {
        let tenant = &mut config.chain.tenants[0];
        tenant.prices = PRICES;
        (tenant.limits.prompt_tokens_max, tenant.limits.max_tokens) = (100, 1);
        tenant.limits.spend_nano_usd_per_day_max = 110_000;
    })
    .await;
    let refused = fixture.admin.error("realm_dryRunUpgrade", json!([hex(&computing(2)), "dev"])).await;
    // The trial call fits; with what it cost, the migration does not.
    assert_eq!(refused["data"]["code"], "QUOTA_EXCEEDED", "{refused}");
    assert_eq!(usage(&mut fixture, "dev").await["computed_tokens"], COMPUTED_TOKENS);
    fixture.node.node.stop().await;
}
