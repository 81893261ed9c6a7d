//! What a Python function returns, as JSON.

use super::*;

#[tokio::test]
async fn what_is_no_json_is_refused_with_place_and_type_only_where_it_is_kept() {
    let bench = Bench::new();
    for (returned, refused) in [
        ("[0, 1, 2, {'when': datetime.timedelta(1)}]", "[3].when: datetime.timedelta"),
        ("{'a': {1: 2}}", "a{1}: key of type int"),
        ("[float('nan')]", "[0]: float nan"),
        ("2**64", "the result: int of more than 64 bits"),
        ("object()", "the result: object"),
        ("'\\udc80'", "the result: str that is not Unicode: '\\udc80'"),
        ("[b'x']", "[0]: bytes"),
    ] {
        let text = format!("import datetime\ndef B():\n  return {returned}\n");
        let done = bench.python(&text).await;
        assert_eq!(failure_of(&done), format!("the result cannot be kept as JSON: {refused}"));
        let mut function = bench.function("B.py", &text);
        function.wants_result = false;
        assert_eq!(bench.workers.run(&bench.python_job(function)).await.outcome, Ok(()));
    }
    let text = "def B():\n  a = []\n  a.append(a)\n  return a\n";
    assert!(failure_of(&bench.python(text).await).ends_with("...: nested deeper than 100"));
}

#[tokio::test]
async fn what_has_a_plain_twin_becomes_it() {
    let bench = Bench::new();
    let text = "
import datetime, decimal, enum, pathlib, collections
class State(enum.Enum):
  NC = 'North Carolina'
class Number(enum.IntEnum):
  ONE = 1
def B(scratch_dir):
  return [(1, 2), range(2), {'b', 'a'}, State.NC, Number.ONE, decimal.Decimal('1.10'), datetime.date(2024, 2, 29),
datetime.datetime(2024, 2, 29, 1, tzinfo=datetime.timezone.utc), collections.OrderedDict(x=1),
scratch_dir / 'a' / 'b.csv', str(scratch_dir) + '/c.csv', str(scratch_dir) + 'x', pathlib.PurePosixPath('d'), True, 2**63, 1e22, -0.0]
";
    let outputs = bench.root().join("scratch/main");
    let expected = json!([
        [1, 2], [0, 1], ["a", "b"], "North Carolina", 1, "1.10", "2024-02-29", "2024-02-29T01:00:00+00:00",
        {"x": 1}, "a/b.csv", "c.csv", format!("{}x", outputs.display()), "d", true, 9_223_372_036_854_775_808_u64, 1e22, -0.0
    ]);
    assert_eq!(value(&bench.python(text).await), expected);
}
