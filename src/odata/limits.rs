//! What a request may cost (OD-151). Each limit is a knob of the configuration; each refusal names it.

/// Limits of one request.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `odata.max_expand_depth`
    pub expand_depth: usize,
    /// `odata.max_expand_breadth`: items of one `$expand`.
    pub expand_breadth: usize,
    /// `odata.max_expression_depth`
    pub expression_depth: usize,
    /// `odata.max_expression_nodes`
    pub expression_nodes: usize,
    /// `odata.max_lambda_depth`
    pub lambda_depth: usize,
    /// `odata.max_function_depth`
    pub function_depth: usize,
    /// `odata.max_in_members`
    pub in_members: usize,
    /// `odata.max_orderby`
    pub orderby: usize,
    /// `odata.max_apply_steps`
    pub apply_steps: usize,
    /// `odata.max_columns`
    pub columns: usize,
    /// `odata.max_joins`: tables of one statement.
    pub joins: usize,
    /// `odata.max_levels`
    pub levels: u64,
    /// `odata.max_expansions`: expanded navigations of one request, those of every level of `$levels` counted.
    pub expansions: usize,
    /// `odata.max_expanded_bytes`: what a page holds of the members of its expansions.
    pub expanded_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            expand_depth: 5,
            expand_breadth: 50,
            expression_depth: 100,
            expression_nodes: 2_000,
            lambda_depth: 3,
            function_depth: 30,
            in_members: 10_000,
            orderby: 20,
            apply_steps: 20,
            columns: 1_000,
            joins: 60,
            levels: 10,
            expansions: 200,
            expanded_bytes: 256 * 1024 * 1024,
        }
    }
}
