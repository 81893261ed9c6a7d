//! One contract for what is behind an address, held to a folder, to S3, to memory and to a table of DynamoDB.
//!
//! `KPTN_TEST_TABLES` names further tables as `ADDRESS=TABLE`, with commas between: `make test-aws` starts emulators.

use kptn::model::RemoteSettings;
use kptn::remote::{Absent, Bucket, Swapped, block_on, open};

use crate::support::s3::S3;

/// Runs a check against each, with keys that are always in the bucket, and with those that may be in a table.
fn on_each(check: impl AsyncFn(&Bucket, &str)) {
    for kind in ["packs", "runs"] {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| format!("file://{}", folder.path().join(name).display());
        let in_folder = RemoteSettings { url: at("team"), ..RemoteSettings::default() };
        let in_memory = RemoteSettings { url: at("nowhere"), ..RemoteSettings::default() };
        let (s3, whole) = (S3::start(), S3::start());
        let mut all = vec![
            (in_folder.clone(), Absent::Make),
            (in_memory, Absent::Pretend),
            (s3.settings("pre/fix"), Absent::Make),
            (whole.settings(""), Absent::Make),
        ];
        if cfg!(feature = "aws") {
            let table = s3.settings_with_table("with/table");
            let beside =
                RemoteSettings { url: at("beside"), region: Some("us-east-1".into()), ..table.clone() };
            all.extend([(table, Absent::Make), (beside, Absent::Make)]);
            let more = std::env::var("KPTN_TEST_TABLES").unwrap_or_default();
            for (number, one) in more.split(',').filter(|one| !one.is_empty()).enumerate() {
                let (endpoint, table) = one.rsplit_once('=').expect("ADDRESS=TABLE");
                // Of a folder that nobody had before, so the table has nothing of it.
                let settings = RemoteSettings {
                    url: at(&format!("emulated-{number}")),
                    endpoint: Some(endpoint.to_owned()),
                    region: Some("us-east-1".into()),
                    refs: Some(format!("dynamodb://{table}")),
                    ..RemoteSettings::default()
                };
                all.push((settings, Absent::Make));
            }
        }
        for (settings, absent) in all {
            let said = format!("{settings:?}");
            block_on(async {
                check(&open(&settings, absent)?, kind).await;
                Ok(())
            })
            .expect(&said);
        }
    }
}

#[test]
fn what_is_written_is_read_listed_and_removed() {
    on_each(async |bucket, kind| {
        let of = |name: &str| format!("{kind}/{name}");
        let own = ["1", "2", "sub/3", "odd/a b+c=d&é%20", "2#1/4"].map(of);
        let others = ["refs/~Main-x/a.json".to_owned(), format!("{kind}2/1")];
        for key in own.iter().chain(&others) {
            bucket.write(key, key.as_bytes().to_vec()).await.expect(key);
            bucket.write(key, key.as_bytes().to_vec()).await.expect(key);
        }
        for key in own.iter().chain(&others) {
            assert_eq!(bucket.read(key).await.expect(key).as_deref(), Some(key.as_bytes()), "{key}");
            assert!(bucket.written_ms(key).await.expect(key) > Some(1_700_000_000_000), "{key}");
        }
        let mut expected: Vec<_> = own.iter().map(|key| (key.clone(), key.len() as u64)).collect();
        expected.sort();
        assert_eq!(bucket.list(kind).await.expect("a list"), expected);
        assert_eq!(bucket.list(&of("sub")).await.expect("a list"), [(of("sub/3"), of("sub/3").len() as u64)]);
        let odd = bucket.list("refs").await.expect("a list").pop().expect("a key").0;
        assert_eq!(odd, others[0], "a name in a list is the name that is read");
        assert_eq!(bucket.list("nothing").await.expect("a list"), []);
        assert_eq!(bucket.list("").await.expect("a list").len(), own.len() + others.len());
        assert_eq!(bucket.read(&of("9")).await.expect("no error"), None);
        assert_eq!(bucket.written_ms(&of("9")).await.expect("no error"), None);
        for _ in 0..2 {
            bucket.remove(&of("1")).await.expect("gone, or gone already");
        }
        assert_eq!(bucket.read(&of("1")).await.expect("no error"), None);
        bucket.remove_all(&own).await.expect("all gone");
        assert_eq!(bucket.list("").await.expect("a list").len(), others.len());
    });
}

#[test]
fn many_keys_are_listed_page_by_page() {
    on_each(async |bucket, kind| {
        let key = |n: usize| format!("{kind}/r/{n:03}");
        for n in 0..130 {
            bucket.write(&key(n), vec![0; n * 240]).await.expect("written");
        }
        let listed = bucket.list(kind).await.expect("a list");
        let expected: Vec<_> = (0..130).map(|n| (key(n), n as u64 * 240)).collect();
        assert_eq!(listed, expected);
        let keys: Vec<_> = listed.into_iter().map(|(key, _)| key).collect();
        bucket.remove_all(&keys[..129]).await.expect("gone");
        assert_eq!(bucket.list(kind).await.expect("a list").len(), 1);
    });
}

#[test]
fn what_is_too_large_for_one_item_comes_back_as_it_was() {
    on_each(async |bucket, kind| {
        let bytes = |n: u8, size: usize| (0..size).map(|at| (at % 251) as u8 ^ n).collect::<Vec<u8>>();
        // Nothing, what just fits, a few pieces, more than one batch of them.
        for (n, size) in [0, 32 * 1024, 32 * 1024 + 1, 1_000_000, 9_500_000, 10].into_iter().enumerate() {
            // Of a pack the name decides what is in it.
            let key = if kind == "packs" { format!("packs/r{n}") } else { format!("{kind}/r/part") };
            let bytes = bytes(n as u8, size);
            bucket.write(&key, bytes.clone()).await.expect("written");
            assert!(bucket.read(&key).await.expect("read") == Some(bytes), "{size} bytes");
            assert!(bucket.list(kind).await.expect("a list").contains(&(key, size as u64)));
        }
        let key = format!("{kind}/r/other");
        bucket.write(&key, bytes(1, 2_000_000)).await.expect("written");
        bucket.remove(&key).await.expect("gone");
        assert_eq!(bucket.read(&key).await.expect("read"), None);
        assert_eq!(bucket.swap(&key, None, bytes(2, 700_000)).await.expect("made"), Swapped::Yes);
        let (read, version) = bucket.read_versioned(&key).await.expect("read").expect("there");
        assert!(read == bytes(2, 700_000));
        assert_eq!(bucket.swap(&key, None, bytes(3, 700_000)).await.expect("there"), Swapped::No);
        assert_eq!(bucket.swap(&key, Some(&version), bytes(4, 800_000)).await.expect("moved"), Swapped::Yes);
        assert_eq!(bucket.swap(&key, Some(&version), bytes(5, 10)).await.expect("late"), Swapped::No);
        assert!(bucket.read(&key).await.expect("read") == Some(bytes(4, 800_000)));
    });
}

#[test]
fn ranges_come_in_their_order_and_a_short_key_is_an_error() {
    on_each(async |bucket, _| {
        let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        bucket.write("packs/1", bytes.clone()).await.expect("written");
        let ranges = [5..9, 99_990..100_000, 0..1, 50_000..50_003];
        let read = bucket.read_ranges("packs/1", &ranges).await.expect("ranges");
        for (range, read) in ranges.iter().zip(read) {
            assert_eq!(read, bytes[range.start as usize..range.end as usize], "{range:?}");
        }
        assert!(bucket.read_ranges("packs/1", std::slice::from_ref(&(99_999..100_002))).await.is_err());
        assert!(bucket.read_ranges("packs/2", std::slice::from_ref(&(0..1))).await.is_err());
        assert_eq!(bucket.read_ranges("packs/1", &[]).await.expect("nothing"), Vec::<Vec<u8>>::new());
    });
}

#[test]
fn a_large_key_is_there_whole_or_not_at_all() {
    on_each(async |bucket, _| {
        let size = 21 * 1024 * 1024 + 17;
        let piece = vec![7; 1024 * 1024];
        let mut left = size;
        let next = || {
            let length = piece.len().min(left);
            left -= length;
            Ok((length > 0).then(|| piece[..length].to_vec()))
        };
        bucket.write_pieces("objects/1", next).await.expect("written");
        let mut read = 0;
        let pieces = bucket.read_pieces("objects/1", |bytes| {
            assert!(bytes.iter().all(|byte| *byte == 7));
            read += bytes.len();
            Ok(())
        });
        assert_eq!(pieces.await.expect("read"), Some(()));
        assert_eq!(read, size);
        let mut sent = 0;
        let fails = || {
            sent += 1;
            if sent < 12 {
                Ok(Some(vec![1; 1024 * 1024]))
            } else {
                Err(bucket.damaged("objects/2", "it fails"))
            }
        };
        assert!(bucket.write_pieces("objects/2", fails).await.is_err());
        assert_eq!(bucket.read("objects/2").await.expect("no error"), None);
    });
}

#[test]
fn of_two_who_swap_one_gets_through() {
    on_each(async |bucket, kind| {
        // No pack is ever moved.
        let kind = if kind == "packs" { "index" } else { kind };
        let (a, b) = (&format!("{kind}/a"), &format!("{kind}/b"));
        assert_eq!(bucket.swap(a, None, b"1".to_vec()).await.expect("made"), Swapped::Yes);
        assert_eq!(bucket.swap(a, None, b"2".to_vec()).await.expect("there"), Swapped::No);
        let (bytes, version) = bucket.read_versioned(a).await.expect("read").expect("there");
        assert_eq!(bytes, b"1");
        assert_eq!(bucket.swap(a, Some(&version), b"3".to_vec()).await.expect("moved"), Swapped::Yes);
        assert_eq!(bucket.swap(a, Some(&version), b"4".to_vec()).await.expect("moved on"), Swapped::No);
        assert_eq!(bucket.read(a).await.expect("read"), Some(b"3".to_vec()));
        // Ten at once, in one process: none waits for ever, and one wins each round.
        for round in 0..5 {
            let (_, version) = bucket.read_versioned(a).await.expect("read").expect("there");
            let all = (0..10).map(|n| bucket.swap(a, Some(&version), format!("{round} {n}").into_bytes()));
            let won = futures_util::future::join_all(all).await;
            let won = won.into_iter().filter(|swapped| matches!(swapped, Ok(Swapped::Yes))).count();
            assert_eq!(won, 1);
        }
        let made = (0..10).map(|n| bucket.swap(b, None, format!("new {n}").into_bytes()));
        let made = futures_util::future::join_all(made).await;
        assert_eq!(made.into_iter().filter(|swapped| matches!(swapped, Ok(Swapped::Yes))).count(), 1);
        bucket.remove(b).await.expect("gone");
        let gone = bucket.swap(b, Some(&version), b"5".to_vec()).await;
        assert!(!matches!(gone, Ok(Swapped::Yes)), "a key that is gone is not what was read");
    });
}
