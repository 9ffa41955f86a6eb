//! Settings of the application that this site is registered as at Entra ID, for Azure DevOps: `[azure_devops]` (AU-60).

use serde::{Deserialize, Serialize};

use super::Secret;

/// Without it, connections take personal access tokens and Windows accounts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AzureDevOps {
    /// The application's id. Empty: nobody authorises a connection at Entra ID.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// Where people sign in: `https://login.microsoftonline.com/organizations`, or with a tenant's id in its place.
    pub authority: String,
}

impl Default for AzureDevOps {
    fn default() -> AzureDevOps {
        AzureDevOps {
            client_id: String::new(),
            client_secret: Secret::default(),
            authority: "https://login.microsoftonline.com/organizations".to_owned(),
        }
    }
}
