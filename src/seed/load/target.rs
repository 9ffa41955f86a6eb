//! What is done with each row of a file: references become ids, types are checked, the row is stored.

use super::derived_guid;
use super::document::{self, FieldValue, Member, Refused, Target};
use super::fields::take_members;
use super::moment::Moment;
use super::store::{ITEMS_AT_ONCE, Store};
use crate::db::tables::name_key;
use crate::domain::worklogs::NewWorklog;
use crate::domain::{budgets, tree};
use crate::policy::Role;
use crate::seed::known_fields;
use crate::seed::rows::{self, ActivityType, Budget, BudgetIteration, BudgetWorkItem, User, WorkItem};
use crate::sql::{Guid, Value};

impl Target for Store<'_, '_, '_> {
    fn user(&mut self, index: usize, row: document::User) -> Result<(), Refused> {
        let unique_name = row.unique_name.0;
        let Ok(role) = row.role.0.parse::<Role>() else {
            let roles = Role::ALL.map(Role::name).join(", ");
            return Err(self.refuse("role", format!("no role `{}`; the roles are {roles}", row.role.0)));
        };
        let key = name_key(&unique_name);
        if self.users.find(&key).is_some() {
            return Err(self.refuse("uniqueName", format!("there is a user `{unique_name}` already")));
        }
        let guid = row.id.map_or_else(|| derived_guid("user", &key), Guid);
        let Some(id) = self.users.add(guid, key) else {
            return Err(self.refuse("id", format!("the id {guid} is in use already")));
        };
        let user = User {
            id,
            guid,
            name: row.name.0,
            unique_name,
            email: row.email.map(|email| email.0),
            sk: None,
            role,
            is_active: true,
            time_zone: "UTC",
            created_at: self.now,
        };
        self.summary.users += 1;
        self.report(Member::Users, index);
        let stored = rows::insert(self.tx, [user]);
        self.checked(stored)
    }

    fn activity_type(&mut self, index: usize, row: document::ActivityType) -> Result<(), Refused> {
        let name = row.name.0;
        let guid = row.id.map_or_else(|| derived_guid("activity type", &format!("{index}:{name}")), Guid);
        let Some(id) = self.activity_types.add(guid, name.clone()) else {
            return Err(self.refuse("id", format!("the id {guid} is in use already")));
        };
        let color = row.color.map(|color| color.0);
        self.summary.activity_types += 1;
        let stored = rows::insert(self.tx, [ActivityType { id, guid, name, color, is_active: true }]);
        self.checked(stored)
    }

    fn work_item(&mut self, index: usize, mut row: document::WorkItem) -> Result<(), Refused> {
        if self.items.contains_key(&row.id) || self.items_before.contains(&row.id) {
            return Err(self.refuse("id", format!("work item {} is there already", row.id)));
        }
        if let Err((member, reason)) = take_members(&mut row) {
            return Err(self.refuse(member, reason));
        }
        self.items.insert(row.id, index);
        let mut item = WorkItem::new(row.id);
        item.parent_id = row.parent_id;
        item.project_id = row.project.as_ref().map(|name| self.paths.project(&name.0));
        item.area_id = row.area_path.as_ref().map(|path| self.paths.area(&path.0));
        item.iteration_id = row.iteration_path.as_ref().map(|path| self.paths.iteration(&path.0));
        item.state_category = row.state.as_ref().and_then(|state| known_fields::state_category(&state.0));
        let node_name = row.area_path.as_ref().map(|path| path.0.rsplit('\\').next().unwrap_or_default().to_owned());
        item.set("System.AreaId", item.area_id.map(Value::Int32));
        item.set("System.IterationId", item.iteration_id.map(Value::Int32));
        item.set("System.NodeName", node_name.map(Value::Text));
        for (name, text) in [
            ("System.TeamProject", row.project),
            ("System.WorkItemType", row.work_item_type),
            ("System.State", row.state),
            ("System.Title", row.title),
            ("System.AreaPath", row.area_path),
            ("System.IterationPath", row.iteration_path),
        ] {
            item.set(name, text.map(|text| Value::Text(text.0)));
        }
        let given = row.fields.unwrap_or_default();
        let assigned_to = given.0.iter().find(|(name, _)| name == "System.AssignedTo");
        if let Some((_, FieldValue::Text(identity))) = assigned_to {
            item.assigned_to_user_id = self.assignee(identity);
        }
        self.set_fields(&mut item, given)?;
        self.pending_items.push(item);
        self.summary.work_items += 1;
        self.report(Member::WorkItems, index);
        if self.pending_items.len() == ITEMS_AT_ONCE { self.flush_items() } else { Ok(()) }
    }

    fn budget(&mut self, index: usize, row: document::Budget) -> Result<(), Refused> {
        let name = row.name.0;
        let guid = row.id.map_or_else(|| derived_guid("budget", &format!("{index}:{name}")), Guid);
        let Some(id) = self.budgets.add(guid, name.clone()) else {
            return Err(self.refuse("id", format!("the id {guid} is in use already")));
        };
        let mut of_items = Vec::new();
        for (n, item) in row.work_items.unwrap_or_default().into_iter().enumerate() {
            if !self.forest.contains(item) {
                return Err(self.refuse(format!("workItems[{n}]"), format!("no work item {item}")));
            }
            if let Some(other) = self.assigned_items.insert(item, name.clone()) {
                let reason = format!("work item {item} belongs to the budget `{other}` already");
                return Err(self.refuse(format!("workItems[{n}]"), reason));
            }
            of_items.push(BudgetWorkItem(item, id));
        }
        let mut of_iterations = Vec::new();
        for (n, path) in row.iterations.unwrap_or_default().into_iter().enumerate() {
            let Some(iteration) = self.paths.known_iteration(&path.0) else {
                let reason = format!("no work item lies in an iteration `{}`", path.0);
                return Err(self.refuse(format!("iterations[{n}]"), reason));
            };
            if let Some(other) = self.assigned_iterations.insert(iteration, name.clone()) {
                let reason = format!("the iteration `{}` belongs to the budget `{other}` already", path.0);
                return Err(self.refuse(format!("iterations[{n}]"), reason));
            }
            of_iterations.push(BudgetIteration(iteration, id));
        }
        let budget = Budget {
            id,
            guid,
            name,
            planned_seconds: row.planned.0,
            comment: row.comment.map(|comment| comment.0),
            closed_at: None,
            closed: row.closed.unwrap_or(false),
            created_at: self.now.day().midnight(),
        };
        self.summary.budgets += 1;
        let stored = rows::insert(self.tx, [budget])
            .and_then(|()| rows::insert(self.tx, of_items))
            .and_then(|()| rows::insert(self.tx, of_iterations));
        self.checked(stored)
    }

    fn worklog(&mut self, index: usize, row: document::Worklog) -> Result<(), Refused> {
        let user_id = self.named("user", "user", |store| &store.users, &name_key(&row.user.0)).map_err(|Refused| {
            // By the name as it was written.
            self.refuse("user", format!("no user `{}`", row.user.0))
        })?;
        let activity_type_id = match &row.activity_type {
            Some(name) => Some(self.named("activityType", "activity type", |store| &store.activity_types, &name.0)?),
            None => None,
        };
        let own_budget_id = match &row.budget {
            Some(name) => Some(self.named("budget", "budget", |store| &store.budgets, &name.0)?),
            None => None,
        };
        let item_budget = match row.work_item_id {
            Some(item) => match self.effective.get(&item) {
                Some(effective) => Some(*effective),
                None => return Err(self.refuse("workItemId", format!("no work item {item}"))),
            },
            None => None,
        };
        let flags = self.flags(row.flags.unwrap_or_default(), row.is_billable)?;
        self.last_worklog += 1;
        let id = self.last_worklog;
        let guid = row.id.map_or_else(|| derived_guid("worklog", &id.to_string()), Guid);
        if !self.pending_guids.insert(guid) {
            return Err(self.refuse("id", format!("the id {guid} is in use already")));
        }
        let created_at = row.created_timestamp.unwrap_or(row.timestamp);
        let Moment(edited_at) = row.edited_timestamp.unwrap_or(created_at);
        let new = NewWorklog {
            id,
            guid,
            user_id,
            added_by_user_id: Some(user_id),
            edited_by_user_id: None,
            work_item_id: row.work_item_id,
            item_budget,
            activity_type_id,
            own_budget_id,
            started_at: row.timestamp.0,
            length_seconds: row.length.0,
            billable_seconds: row.billable_length.map(|seconds| seconds.0),
            comment: row.comment.map(|comment| comment.0),
            flags,
            deleted: row.deleted.unwrap_or(false),
            created_at: created_at.0,
            edited_at,
        };
        self.summary.count(&new);
        self.report(Member::Worklogs, index);
        self.push(index, new)
    }

    fn end_of(&mut self, member: Member) -> Result<(), Refused> {
        match member {
            Member::WorkItems => {
                self.flush_items()?;
                self.forest = tree::recompute_all(self.tx).map_err(|error| self.tree_fault(error))?;
            }
            Member::Budgets => {
                let computed = budgets::recompute_all(self.tx, &self.forest);
                self.effective = self.checked(computed)?;
            }
            Member::Users | Member::ActivityTypes | Member::Worklogs => {}
        }
        Ok(())
    }
}
