//! The codes of REST's errors (contract §4.1).
//!
//! In: the code and status of a problem. Out: the contract's code and its fixed description. What the contract does not
//! name is known by its status alone.

/// Code and description.
const CODES: &[(&str, &str)] = &[
    ("ApiVersionError", "The API version is missing or not supported."),
    ("UnknownError", "The request cannot be understood."),
    ("UnauthorizedError", "Authorization has been denied for this request."),
    ("AccessDenied", "Access is denied."),
    ("LicenseReadOnly", "The license is read-only."),
    ("NoRightsToWorkLogModification", "There are no rights to modify the work log."),
    ("EntityNotFound", "The entity is not found."),
    ("ActivityTypeDisabled", "Activity types are switched off."),
    ("DbValidationError", "The data is not valid."),
    ("WorkItemIdOrCommentRequired", "A work item id or a comment is required."),
    ("LengthIsRequired", "The length is required."),
    ("LengthMustBePositive", "The length must be positive."),
    ("FutureCheckFailed", "Time cannot be entered that far ahead."),
    ("ApprovalStateFailed", "The approval state of the week does not allow it."),
    ("FilterWorkItemIdsCountExceeded", "The filter has too many work item ids."),
    ("ClosedWorkItem", "The work item is closed."),
    ("WorkItemRequired", "A work item is required."),
    ("CommentRequired", "A comment is required."),
    ("ActivityTypeRequired", "An activity type is required."),
    ("MaxLengthExceeded", "The length is more than is allowed."),
    ("QuoteExceededError", "There were too many requests."),
    ("UnexpectedError", "The server failed."),
    ("ApiDisabled", "The API is switched off."),
    // Not in the contract, whose product has no such check.
    ("CsrfFailed", "The request was sent from another site."),
    ("ReauthRequired", "The sign-in is too long ago."),
];

/// The contract's code for a problem, and its description.
pub fn code(code: &str, status: u16) -> (&'static str, &'static str) {
    let known = |code: &str| CODES.iter().find(|(name, _)| *name == code).copied();
    let by_status = match status {
        401 => "UnauthorizedError",
        403 => "AccessDenied",
        404 => "EntityNotFound",
        409 | 422 => "DbValidationError",
        429 => "QuoteExceededError",
        500.. => "UnexpectedError",
        _ => "UnknownError",
    };
    known(code).or_else(|| known(by_status)).unwrap_or(("UnknownError", ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refusal::Rule;

    #[test]
    fn every_rule_has_a_code_of_its_own() {
        for rule in Rule::ALL {
            assert_eq!(code(rule.code(), 422).0, rule.code());
        }
    }

    #[test]
    fn contract_4_1_what_has_no_code_is_known_by_its_status() {
        for (status, expected) in [
            (400, "UnknownError"),
            (401, "UnauthorizedError"),
            (405, "UnknownError"),
            (409, "DbValidationError"),
            (413, "UnknownError"),
            (422, "DbValidationError"),
            (429, "QuoteExceededError"),
            (500, "UnexpectedError"),
            (503, "UnexpectedError"),
        ] {
            let (name, description) = code("SomethingElse", status);
            assert_eq!(name, expected, "{status}");
            assert!(!description.is_empty());
        }
    }
}
