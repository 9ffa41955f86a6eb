//! The tables, declared once for both back ends; `migrations/` creates them.
//!
//! Goes in: nothing. Comes out: diesel's typed columns, which the domain's statements are written with. A test introspects
//! a migrated database of either kind and compares it with these declarations.

/// The form under which `users.unique_name` is looked up and kept unique: any letter case is the same name.
pub fn name_key(unique_name: &str) -> String {
    unique_name.to_lowercase()
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{GuidType, InstantType};

    users (id) {
        id -> Integer,
        guid -> GuidType,
        name -> Text,
        unique_name -> Text,
        unique_name_key -> Text,
        email -> Nullable<Text>,
        sk -> Nullable<GuidType>,
        role -> Integer,
        is_active -> Bool,
        time_zone -> Text,
        auth_version -> Integer,
        created_at -> InstantType,
        duties -> Integer,
        manager_id -> Nullable<Integer>,
        default_activity_type_id -> Nullable<Integer>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::GuidType;

    projects (id) {
        id -> Integer,
        guid -> GuidType,
        name -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::GuidType;

    teams (id) {
        id -> Integer,
        guid -> GuidType,
        name -> Text,
        project_id -> Nullable<Integer>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    team_members (team_id, user_id) {
        team_id -> Integer,
        user_id -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::GuidType;

    areas (id) {
        id -> Integer,
        guid -> GuidType,
        name -> Text,
        path -> Text,
        depth -> Integer,
        project_id -> Integer,
        parent_id -> Nullable<Integer>,
        ado_id -> Nullable<Integer>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{DayType, GuidType};

    iterations (id) {
        id -> Integer,
        guid -> GuidType,
        name -> Text,
        path -> Text,
        depth -> Integer,
        project_id -> Integer,
        parent_id -> Nullable<Integer>,
        ado_id -> Nullable<Integer>,
        start_date -> Nullable<DayType>,
        end_date -> Nullable<DayType>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::GuidType;

    activity_types (id) {
        id -> Integer,
        guid -> GuidType,
        name -> Text,
        color -> Nullable<Text>,
        is_active -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{GuidType, InstantType};

    budgets (id) {
        id -> Integer,
        guid -> GuidType,
        name -> Text,
        planned_seconds -> Integer,
        comment -> Nullable<Text>,
        closed -> Bool,
        closed_at -> Nullable<InstantType>,
        created_at -> InstantType,
    }
}

// The columns that the domain touches; the rest is written by `sql::Insert` and read by the reporting tree.
// (diesel takes ten gigabytes to compile with its wide-table features.)
diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    work_items (id) {
        id -> Integer,
        parent_id -> Nullable<Integer>,
        root_id -> Integer,
        has_children -> Bool,
        budget_id -> Nullable<Integer>,
        budget_assignment -> Integer,
        project_id -> Nullable<Integer>,
        area_id -> Nullable<Integer>,
        iteration_id -> Nullable<Integer>,
        assigned_to_user_id -> Nullable<Integer>,
        state_category -> Nullable<Text>,
        changed_at -> Nullable<InstantType>,
        area_ado_id -> Integer,
        iteration_ado_id -> Integer,
        created_date -> Nullable<InstantType>,
        closed_date -> Nullable<InstantType>,
        state_change_date -> Nullable<InstantType>,
        area_path -> Nullable<Text>,
        assigned_to -> Nullable<Text>,
        iteration_path -> Nullable<Text>,
        state -> Nullable<Text>,
        team_project -> Nullable<Text>,
        title -> Nullable<Text>,
        work_item_type -> Nullable<Text>,
        effort -> Nullable<Double>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    work_item_tree (ancestor_id, descendant_id) {
        ancestor_id -> Integer,
        descendant_id -> Integer,
        depth -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    fields (id) {
        id -> Integer,
        reference_name -> Text,
        #[sql_name = "type"]
        kind -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    work_item_fields (work_item_id, field_id) {
        work_item_id -> Integer,
        field_id -> Integer,
        text_value -> Nullable<Text>,
        number_value -> Nullable<Double>,
        bool_value -> Nullable<Bool>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    budget_work_items (work_item_id) {
        work_item_id -> Integer,
        budget_id -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    budget_iterations (iteration_id) {
        iteration_id -> Integer,
        budget_id -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{DayType, GuidType, InstantType};

    worklogs (id) {
        id -> BigInt,
        guid -> GuidType,
        user_id -> Integer,
        added_by_user_id -> Nullable<Integer>,
        edited_by_user_id -> Nullable<Integer>,
        work_item_id -> Nullable<Integer>,
        activity_type_id -> Nullable<Integer>,
        budget_id -> Nullable<Integer>,
        own_budget_id -> Nullable<Integer>,
        started_at -> InstantType,
        work_date -> DayType,
        length_seconds -> Integer,
        billable_seconds -> Nullable<Integer>,
        comment -> Nullable<Text>,
        is_billable -> Bool,
        is_tracked -> Bool,
        is_manually_entered -> Bool,
        is_changed -> Bool,
        is_tracked_extended -> Bool,
        is_imported -> Bool,
        is_from_api -> Bool,
        deleted -> Bool,
        created_at -> InstantType,
        edited_at -> InstantType,
        owner_edited -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::DayType;

    dates (day) {
        day -> DayType,
        date_sk -> Integer,
        year -> Integer,
        quarter -> Integer,
        month -> Integer,
        year_month -> Integer,
        day_of_month -> Integer,
        day_of_week -> Integer,
        iso_year -> Integer,
        iso_week -> Integer,
        month_name -> Text,
        day_name -> Text,
        is_weekend -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{GuidType, InstantType};

    api_tokens (id) {
        id -> Integer,
        guid -> GuidType,
        digest -> Binary,
        prefix -> Text,
        user_id -> Integer,
        name -> Text,
        scopes -> Integer,
        created_at -> InstantType,
        expires_at -> InstantType,
        revoked_at -> Nullable<InstantType>,
        last_used_at -> Nullable<InstantType>,
        last_used_address -> Nullable<Text>,
        last_used_client -> Nullable<Text>,
        version -> Integer,
        requests_per_minute -> Nullable<Integer>,
        rotated_at -> Nullable<InstantType>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    settings (name) {
        name -> Text,
        value -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    secrets (name) {
        name -> Text,
        value -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{GuidType, InstantType};

    continuations (id) {
        id -> GuidType,
        query -> Text,
        used_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{DayType, GuidType, InstantType};

    approvals (id) {
        id -> Integer,
        guid -> GuidType,
        user_id -> Integer,
        week_start -> DayType,
        state -> Integer,
        manager_id -> Nullable<Integer>,
        decided_by_user_id -> Nullable<Integer>,
        comment -> Nullable<Text>,
        submitted_at -> Nullable<InstantType>,
        decided_at -> Nullable<InstantType>,
        modified_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{DayType, InstantType};

    week_locks (week_start) {
        week_start -> DayType,
        locked_by_user_id -> Nullable<Integer>,
        locked_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{GuidType, InstantType};

    changes (id) {
        id -> BigInt,
        operation -> GuidType,
        at -> InstantType,
        user_id -> Nullable<Integer>,
        subject -> Integer,
        subject_id -> BigInt,
        action -> Integer,
        origin -> Integer,
        before -> Nullable<Text>,
        after -> Nullable<Text>,
        comment -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    idempotency_keys (user_id, route, key) {
        user_id -> Integer,
        route -> Text,
        key -> Text,
        request -> Binary,
        status -> Integer,
        answer -> Text,
        created_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{GuidType, InstantType};

    timers (user_id) {
        user_id -> Integer,
        version -> BigInt,
        state -> Integer,
        stopped -> Integer,
        work_item_id -> Nullable<Integer>,
        comment -> Nullable<Text>,
        activity_type_id -> Nullable<Integer>,
        is_billable -> Nullable<Bool>,
        time_zone -> Nullable<Integer>,
        started_at -> Nullable<InstantType>,
        confirmed_at -> Nullable<InstantType>,
        checked_at -> Nullable<InstantType>,
        ended_at -> Nullable<InstantType>,
        worklog_id -> Nullable<GuidType>,
        changed_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    pairings (secret) {
        secret -> Binary,
        pin -> Binary,
        address -> Text,
        created_at -> InstantType,
        expires_at -> InstantType,
        user_id -> Nullable<Integer>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    pairing_attempts (user_id) {
        user_id -> Integer,
        wrong -> Integer,
        since -> InstantType,
        recent -> Integer,
        recent_since -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{GuidType, InstantType};

    grants (id) {
        id -> Integer,
        guid -> GuidType,
        user_id -> Integer,
        client -> Text,
        address -> Text,
        created_at -> InstantType,
        expires_at -> InstantType,
        revoked_at -> Nullable<InstantType>,
        refreshed_at -> Nullable<InstantType>,
        version -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    access_tokens (digest) {
        digest -> Binary,
        grant_id -> Integer,
        expires_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    refresh_tokens (digest) {
        digest -> Binary,
        grant_id -> Integer,
        generation -> Integer,
        used_at -> Nullable<InstantType>,
        successor -> Nullable<Binary>,
        reissued -> Bool,
        void -> Bool,
        sealed -> Nullable<Binary>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{GuidType, InstantType};

    jobs (id) {
        id -> GuidType,
        kind -> Text,
        payload -> Text,
        user_id -> Integer,
        state -> Integer,
        attempts -> Integer,
        created_at -> InstantType,
        due_at -> InstantType,
        started_at -> Nullable<InstantType>,
        ended_at -> Nullable<InstantType>,
        lease_owner -> Nullable<GuidType>,
        lease_until -> Nullable<InstantType>,
        cancel_asked -> Bool,
        done -> BigInt,
        total -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
        result -> Nullable<Text>,
        upload_id -> Nullable<GuidType>,
        report_id -> Nullable<GuidType>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{GuidType, InstantType};

    job_files (file_id, piece) {
        file_id -> GuidType,
        piece -> Integer,
        content -> Binary,
        created_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::GuidType;

    job_problems (job_id, position) {
        job_id -> GuidType,
        position -> Integer,
        problem -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::GuidType;

    import_rows (row_key) {
        row_key -> GuidType,
        content -> GuidType,
        worklog_id -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    import_profiles (user_id, name) {
        user_id -> Integer,
        name -> Text,
        profile -> Text,
        changed_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    identities (id) {
        id -> Integer,
        user_id -> Integer,
        kind -> Integer,
        issuer -> Text,
        subject -> Text,
        version -> Integer,
        created_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    windows_passwords (identity_id) {
        identity_id -> Integer,
        sealed -> Binary,
        changed_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    sign_in_counts (key) {
        key -> Text,
        failures -> Integer,
        since -> InstantType,
        blocked_until -> Nullable<InstantType>,
        succeeded_at -> Nullable<InstantType>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{GuidType, InstantType};

    audit (id) {
        id -> BigInt,
        at -> InstantType,
        event -> Text,
        outcome -> Text,
        user_id -> Nullable<Integer>,
        credential -> Nullable<Text>,
        credential_id -> Nullable<Integer>,
        address -> Nullable<Text>,
        request -> Nullable<GuidType>,
        target -> Nullable<Text>,
        details -> Text,
        digest -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    audit_cuts (audit_id) {
        audit_id -> BigInt,
        digest -> Binary,
        at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{GuidType, InstantType};

    sessions (id) {
        id -> Integer,
        guid -> GuidType,
        digest -> Binary,
        former -> Nullable<Binary>,
        former_until -> Nullable<InstantType>,
        user_id -> Integer,
        kind -> Text,
        provider_session -> Nullable<Text>,
        auth_version -> Integer,
        signed_in_at -> InstantType,
        created_at -> InstantType,
        seen_at -> InstantType,
        idle_until -> InstantType,
        expires_at -> InstantType,
        address -> Nullable<Text>,
        client -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    local_passwords (identity_id) {
        identity_id -> Integer,
        phc -> Text,
        changed_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    password_links (digest) {
        digest -> Binary,
        user_id -> Nullable<Integer>,
        created_at -> InstantType,
        expires_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    used_sign_ins (digest) {
        digest -> Binary,
        expires_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{GuidType, InstantType};

    notices (id) {
        id -> Integer,
        guid -> GuidType,
        user_id -> Integer,
        kind -> Text,
        about -> Text,
        facts -> Text,
        created_at -> InstantType,
        read_at -> Nullable<InstantType>,
        mail_due_at -> Nullable<InstantType>,
        mail_attempts -> Integer,
        mail_tried_at -> Nullable<InstantType>,
        mailed_at -> Nullable<InstantType>,
        mail_error -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    notice_settings (user_id) {
        user_id -> Integer,
        unmailed -> Text,
        quiet_from -> Nullable<Integer>,
        quiet_to -> Nullable<Integer>,
        changed_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{GuidType, InstantType};

    connections (id) {
        id -> Integer,
        guid -> GuidType,
        name -> Text,
        name_key -> Text,
        base_url -> Text,
        kind -> Text,
        allow_http -> Bool,
        created_at -> InstantType,
        version -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::{GuidType, InstantType};

    outgoing_credentials (id) {
        id -> Integer,
        guid -> GuidType,
        connection_id -> Integer,
        user_id -> Nullable<Integer>,
        kind -> Text,
        account -> Nullable<Text>,
        sealed -> Binary,
        expires_at -> Nullable<InstantType>,
        state -> Text,
        reason -> Nullable<Text>,
        failed_at -> Nullable<InstantType>,
        worked_at -> Nullable<InstantType>,
        failures -> Integer,
        refresh_after -> Nullable<InstantType>,
        send_after -> Nullable<InstantType>,
        lease_owner -> Nullable<GuidType>,
        lease_until -> Nullable<InstantType>,
        version -> Integer,
        changed_at -> InstantType,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::dialect::InstantType;

    connect_states (id) {
        id -> Integer,
        digest -> Binary,
        browser -> Binary,
        user_id -> Integer,
        connection_id -> Integer,
        is_service -> Bool,
        verifier -> Binary,
        return_to -> Text,
        expires_at -> InstantType,
    }
}

diesel::joinable!(teams -> projects (project_id));
diesel::joinable!(team_members -> teams (team_id));
diesel::joinable!(team_members -> users (user_id));
diesel::joinable!(areas -> projects (project_id));
diesel::joinable!(iterations -> projects (project_id));
diesel::joinable!(work_items -> budgets (budget_id));
diesel::joinable!(work_items -> projects (project_id));
diesel::joinable!(work_items -> areas (area_id));
diesel::joinable!(work_items -> iterations (iteration_id));
diesel::joinable!(work_items -> users (assigned_to_user_id));
diesel::joinable!(work_item_fields -> work_items (work_item_id));
diesel::joinable!(work_item_fields -> fields (field_id));
diesel::joinable!(budget_work_items -> work_items (work_item_id));
diesel::joinable!(budget_work_items -> budgets (budget_id));
diesel::joinable!(budget_iterations -> iterations (iteration_id));
diesel::joinable!(budget_iterations -> budgets (budget_id));
diesel::joinable!(worklogs -> work_items (work_item_id));
diesel::joinable!(worklogs -> activity_types (activity_type_id));
diesel::joinable!(worklogs -> users (user_id));
diesel::joinable!(worklogs -> budgets (budget_id));
diesel::joinable!(api_tokens -> users (user_id));
diesel::joinable!(approvals -> users (user_id));
diesel::joinable!(identities -> users (user_id));
diesel::joinable!(windows_passwords -> identities (identity_id));
diesel::joinable!(local_passwords -> identities (identity_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(outgoing_credentials -> connections (connection_id));
diesel::joinable!(connect_states -> users (user_id));
diesel::joinable!(timers -> users (user_id));
diesel::joinable!(jobs -> users (user_id));
diesel::joinable!(grants -> users (user_id));
diesel::joinable!(access_tokens -> grants (grant_id));
diesel::joinable!(import_rows -> worklogs (worklog_id));
diesel::joinable!(notices -> users (user_id));
diesel::joinable!(notice_settings -> users (user_id));

diesel::allow_tables_to_appear_in_same_query!(
    users,
    projects,
    teams,
    team_members,
    areas,
    iterations,
    activity_types,
    budgets,
    work_items,
    work_item_tree,
    fields,
    work_item_fields,
    budget_work_items,
    budget_iterations,
    worklogs,
    dates,
    api_tokens,
    settings,
    secrets,
    continuations,
    approvals,
    week_locks,
    changes,
    idempotency_keys,
    timers,
    pairings,
    pairing_attempts,
    grants,
    access_tokens,
    refresh_tokens,
    jobs,
    job_files,
    job_problems,
    import_rows,
    import_profiles,
    identities,
    windows_passwords,
    sign_in_counts,
    audit,
    audit_cuts,
    sessions,
    local_passwords,
    password_links,
    used_sign_ins,
    notices,
    notice_settings,
    connections,
    outgoing_credentials,
    connect_states,
);
