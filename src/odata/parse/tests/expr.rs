//! Part 2 §5.1.1: operators, literals, paths, functions, lambdas.

use super::check_filter;

#[test]
fn part2_5_1_1_16_precedence() {
    for (text, expected) in [
        ("a or b and c", "(or a (and b c))"),
        ("a and b or c and d", "(or (and a b) (and c d))"),
        ("a or b or c or d", "(or a b c d)"),
        ("a and (b and c)", "(and a (and b c))"),
        ("(a or b) or c", "(or (or a b) c)"),
        ("not a and b", "(and (not a) b)"),
        ("not (a and b)", "(not (and a b))"),
        ("not(a)", "(not a)"),
        ("not not a", "(not (not a))"),
        ("not a in (1,2)", "(not (in a [1 2]))"),
        ("a eq b ne c", "(ne (eq a b) c)"),
        ("a lt b eq c", "(eq (lt a b) c)"),
        ("a add b mul c", "(add a (mul b c))"),
        ("a sub b sub c", "(sub (sub a b) c)"),
        ("(a add b) mul -c", "(mul (add a b) (neg c))"),
        ("-a mul b", "(mul (neg a) b)"),
        ("a add b eq c sub d", "(eq (add a b) (sub c d))"),
        ("style has Ns.Pattern'Yellow' and a", "(and (has style Ns.Pattern'Yellow') a)"),
        ("A EQ 1 Or b Div 2 GT 3", "(or (eq A 1) (gt (div b 2) 3))"),
        ("a eq 1 and(b)or(c)", "(or (and (eq a 1) b) c)"),
        ("a\teq\n1 ", "(eq a 1)"),
    ] {
        check_filter(text, expected);
    }
}

#[test]
fn literals_and_names() {
    for (text, expected) in [
        ("x eq null and TRUE", "(and (eq x null) true)"),
        ("x eq 'it''s' and y eq ''", "(and (eq x 'it's') (eq y ''))"),
        ("x gt -5", "(gt x -5)"),
        ("x gt - 5", "(gt x (neg 5))"),
        ("x sub -5", "(sub x -5)"),
        ("x lt 99999999999999999999", "(lt x 99999999999999999999m)"),
        ("x eq INF or x eq -INF or x eq NaN", "(or (eq x infd) (eq x -infd) (eq x NaNd))"),
        ("INFO eq 1 and -INFO lt 0", "(and (eq INFO 1) (lt (neg INFO) 0))"),
        ("Id eq ABCDEF01-89ab-cdef-0123-456789abcdef", "(eq Id abcdef01-89ab-cdef-0123-456789abcdef)"),
        ("d gt duration'PT1H'", "(gt d duration 3600000000)"),
        ("d gt 'PT1H'", "(gt d 'PT1H')"),
        ("b eq binary'Zm8='", "(eq b binary [102, 111])"),
        ("t ge 1970-01-02 and t lt 1970-01-02T00:00:00 01:00", "(and (ge t day 1) (lt t instant 82800000000.0))"),
        ("Größe eq 1 and not_x and anders", "(and (eq Größe 1) not_x anders)"),
        ("t eq Ns.Kind'A,B' or t eq Kind'A'", "(or (eq t Ns.Kind'A,B') (eq t Kind'A'))"),
        ("null/x eq true(1)", "(eq null/x (true 1))"),
        ("x eq geography'SRID=0;Point(142.1 64.1)'", "(eq x geo'SRID=0;Point(142.1 64.1)')"),
    ] {
        check_filter(text, expected);
    }
}

#[test]
fn od_32_in() {
    for (text, expected) in [
        ("x in (1, 2 ,3)", "(in x [1 2 3])"),
        ("x in ()", "(in x [])"),
        ("x in ('a',null)", "(in x ['a' null])"),
        ("x in (-1)", "(in x [-1])"),
        ("x in @ids", "(in x @ids)"),
        ("x in (@a,@b)", "(in x [@a @b])"),
        ("x in Budgets/Id", "(in x Budgets/Id)"),
        ("x in (Budgets/Id)", "(in x Budgets/Id)"),
        ("x in [1,2]", "(in x [1 2])"),
        ("x in [\"a\\u00e4\",'b']", "(in x ['aä' 'b'])"),
        ("[a,b] in [[1,2],[3,4]]", "(in [a b] [[1 2] [3 4]])"),
        ("x in (1) eq true", "(eq (in x [1]) true)"),
        ("x in (1 add 2)", "(in x (add 1 2))"),
    ] {
        check_filter(text, expected);
    }
}

#[test]
fn functions() {
    for (text, expected) in [
        ("Contains(Comment,'x')", "(Contains Comment 'x')"),
        ("now() gt Timestamp", "(gt (now) Timestamp)"),
        ("now( ) gt t", "(gt (now) t)"),
        ("concat(concat(a,'-'),b) eq 'x'", "(eq (concat (concat a '-') b) 'x')"),
        ("cast(a,Edm.String) eq '1'", "(eq (cast a Edm.String) '1')"),
        ("cast(a add 1,Edm.String) eq '1'", "(eq (cast (add a 1) Edm.String) '1')"),
        (
            "isof(Ns.Customer) or isof(a/b,Collection(Edm.Int32))",
            "(or (isof Ns.Customer) (isof a/b Collection(Edm.Int32)))",
        ),
        ("case(X gt 0:1,X lt 0:-1,true:0) eq 1", "(eq (case (gt X 0):1 (lt X 0):-1 true:0) 1)"),
        (
            "case(X gt 10:15,(T gt 10:15) : 20 , true:30) eq 1",
            "(eq (case (gt X 10):15 (gt T time 36900000000):20 true:30) 1)",
        ),
        ("geo.distance(a,b) lt 5", "(lt (geo.distance a b) 5)"),
        ("Ns.F(A=1,B=x/y)", "(Ns.F A=1 B=x/y)"),
        (
            "Ns.F(c={\"Name\":\"double quote (\\\") in value\",\"n\":[]})",
            "(Ns.F c={Name:'double quote (\") in value' n:[]})",
        ),
        ("length([\"a\",\"b\"]) eq 2", "(eq (length ['a' 'b']) 2)"),
    ] {
        check_filter(text, expected);
    }
}

#[test]
fn paths() {
    for (text, expected) in [
        ("User/Name eq 'A'", "(eq User/Name 'A')"),
        ("$it/Comment eq $this", "(eq $it/Comment $this)"),
        ("ParentItem/Ns.Type/Name eq $root/budgets", "(eq ParentItem/Ns.Type/Name $root/budgets)"),
        ("Worklogs/$count gt 5", "(gt Worklogs/$count 5)"),
        ("Worklogs/$count($filter=IsBillable;search=x) gt 0", "(gt Worklogs/$count(filter=IsBillable;search=x) 0)"),
        ("Worklogs/any()", "Worklogs/any()"),
        ("Worklogs/ANY( )", "Worklogs/any()"),
        ("Worklogs/any(w:w/IsBillable and w/X gt 3)", "Worklogs/any(w:(and w/IsBillable (gt w/X 3)))"),
        ("A/all( a : a/B/any(b:b eq a/C) )", "A/all(a:a/B/any(b:(eq b a/C)))"),
        ("@p/Name eq @q", "(eq @p/Name @q)"),
        ("$these/aggregate(X with sum) gt 1", "(gt $these/aggregate(X with sum) 1)"),
        ("Sales/aggregate($count) gt 1", "(gt Sales/aggregate($count) 1)"),
        ("anyone eq all", "(eq anyone all)"),
    ] {
        check_filter(text, expected);
    }
}

/// What a path may hold beyond the tree is read by the grammar and kept by its first name.
#[test]
fn part2_5_1_1_15_paths_beyond_the_tree() {
    for (text, expected) in [
        ("$root/budgets(1)/Name eq 'x'", "(eq $root/?budgets 'x')"),
        ("Products/Ns.Best()/Ns.Name() eq 1", "(eq Products/?Ns.Best 1)"),
        ("Items(1)/Name eq 1", "(eq ?Items 1)"),
        ("Price/@Measures.Currency eq 'EUR'", "(eq Price/?@Measures.Currency 'EUR')"),
        ("@Core.Messages/any(m:m/severity eq 'error')", "?@Core.Messages"),
        ("Price/@Currency#Reporting eq 'EUR'", "(eq Price/?@Currency#Reporting 'EUR')"),
        ("A/$filter(B gt 3)/$count lt 10", "(lt A/?$filter 10)"),
        ("A/$filter(B gt 3)(ID='Sugar')/C lt 10", "(lt A/?$filter 10)"),
    ] {
        check_filter(text, expected);
    }
}
