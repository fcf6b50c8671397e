//! What a simulated platform must not be given.

use super::lookup::{Lookup, Origin};
use super::settings::{Concern, SETTINGS};

/// Refuses every setting of a real database, cluster or Helm. `KUBECONFIG` in the environment is no such setting: it is
/// kubectl's own variable and says nothing about us.
pub(super) fn refuse_real(lookup: &mut Lookup) {
    let is_real = |concern| matches!(concern, Concern::Database | Concern::Helm | Concern::Cluster);
    for setting in SETTINGS.iter().filter(|setting| is_real(setting.concern)) {
        let Some(found) = lookup.find(setting.variable) else { continue };
        if setting.variable == "KUBECONFIG" && found.origin == Origin::Environment {
            continue;
        }
        let allowed = "nothing together with --demo, which simulates database and cluster and would not use it; leave \
                       out one of them (--no-env-file leaves out a .env file)";
        lookup.refuse(setting.variable, &found, allowed);
    }
}
