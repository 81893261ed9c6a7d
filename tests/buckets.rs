//! One contract for what is behind an address, held to a folder and to S3.

use kptn::model::RemoteSettings;
use kptn::remote::{Absent, Bucket, Swapped, block_on, open};

use crate::support::s3::S3;

/// Runs a check against both.
fn on_each(check: impl AsyncFn(&Bucket)) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}", folder.path().join("team").display());
    let s3 = S3::start();
    for settings in
        [RemoteSettings { url, ..RemoteSettings::default() }, s3.settings("pre/fix"), s3.settings("")]
    {
        block_on(async {
            let bucket = open(&settings, Absent::Make)?;
            check(&bucket).await;
            Ok(())
        })
        .expect(&settings.url);
    }
}

#[test]
fn what_is_written_is_read_listed_and_removed() {
    on_each(async |bucket| {
        let keys =
            ["refs/~Main-x/a.json", "packs/1", "packs/2", "packs/sub/3", "odd/a b+c=d&é%20", "packs2/1"];
        for key in keys {
            bucket.write(key, key.as_bytes().to_vec()).await.expect(key);
            bucket.write(key, key.as_bytes().to_vec()).await.expect(key);
        }
        for key in keys {
            assert_eq!(bucket.read(key).await.expect(key).as_deref(), Some(key.as_bytes()), "{key}");
        }
        let listed = bucket.list("packs").await.expect("a list");
        assert_eq!(listed, [("packs/1".into(), 7), ("packs/2".into(), 7), ("packs/sub/3".into(), 11)]);
        let odd = bucket.list("refs").await.expect("a list").pop().expect("a key").0;
        assert_eq!(odd, keys[0], "a name in a list is the name that is read");
        assert_eq!(bucket.list("nothing").await.expect("a list"), []);
        assert_eq!(bucket.read("packs/9").await.expect("no error"), None);
        bucket.remove("packs/1").await.expect("gone");
        bucket.remove("packs/1").await.expect("gone already");
        assert_eq!(bucket.read("packs/1").await.expect("no error"), None);
    });
}

#[test]
fn many_keys_are_listed_page_by_page() {
    on_each(async |bucket| {
        for n in 0..130 {
            bucket.write(&format!("packs/{n:03}"), vec![0; n]).await.expect("written");
        }
        let listed = bucket.list("packs").await.expect("a list");
        let expected: Vec<_> = (0..130).map(|n| (format!("packs/{n:03}"), n)).collect();
        assert_eq!(listed, expected);
    });
}

#[test]
fn ranges_come_in_their_order_and_a_short_key_is_an_error() {
    on_each(async |bucket| {
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
    on_each(async |bucket| {
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
    on_each(async |bucket| {
        assert_eq!(bucket.swap("refs/a", None, b"1".to_vec()).await.expect("made"), Swapped::Yes);
        assert_eq!(bucket.swap("refs/a", None, b"2".to_vec()).await.expect("there"), Swapped::No);
        let (bytes, version) = bucket.read_versioned("refs/a").await.expect("read").expect("there");
        assert_eq!(bytes, b"1");
        assert_eq!(bucket.swap("refs/a", Some(&version), b"3".to_vec()).await.expect("moved"), Swapped::Yes);
        assert_eq!(
            bucket.swap("refs/a", Some(&version), b"4".to_vec()).await.expect("moved on"),
            Swapped::No
        );
        assert_eq!(bucket.read("refs/a").await.expect("read"), Some(b"3".to_vec()));
        // Ten at once, in one process: none waits for ever, and one wins each round.
        for round in 0..5 {
            let (_, version) = bucket.read_versioned("refs/a").await.expect("read").expect("there");
            let all =
                (0..10).map(|n| bucket.swap("refs/a", Some(&version), format!("{round} {n}").into_bytes()));
            let won = futures_util::future::join_all(all).await;
            let won = won.into_iter().filter(|swapped| matches!(swapped, Ok(Swapped::Yes))).count();
            assert_eq!(won, 1);
        }
        let gone = bucket.swap("refs/b", Some(&version), b"5".to_vec()).await;
        assert!(!matches!(gone, Ok(Swapped::Yes)), "a key that is gone is not what was read");
    });
}
