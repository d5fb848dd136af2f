//! The transcripts of docs/protocol.md and README.md, each over a connection of its own.

use realm_chain_spec::ChainSpec;
use realm_node::{Node, NodeConfig};
use realm_tests::Socket;

/// What stands for text that differs from node to node; alone on a line, for any frames up to the next one that is shown.
const ANYTHING: char = '…';
/// Frames that may be left out of a transcript at one place.
const FRAMES_LEFT_OUT_MAX: usize = 100;
/// The pages, and how many transcripts each has at least.
const PAGES: [(&str, &str, usize); 2] = [
    ("docs/protocol.md", include_str!("../../../docs/protocol.md"), 5),
    ("README.md", include_str!("../../../README.md"), 1),
];

/// The fenced blocks of a transcript, each with the line that it begins on.
fn transcripts(page: &str) -> Vec<(usize, Vec<&str>)> {
    let mut found: Vec<(usize, Vec<&str>)> = Vec::new();
    let mut inside = false;
    for (number, line) in page.lines().enumerate() {
        match line {
            "```transcript" => {
                inside = true;
                found.push((number + 1, Vec::new()));
            }
            "```" => inside = false,
            line if inside => found.last_mut().expect("a block began").1.push(line),
            _ => {}
        }
    }
    found
}

/// Whether `text` is `pattern`, where [`ANYTHING`] matches any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split(ANYTHING);
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn patterns() {
    let check = |pattern, text, expected| assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    check("abc", "abc", true);
    check("abc", "abcd", false);
    check("a…c", "abbc", true);
    check("a…c", "abbd", false);
    check("a…b…c", "a1b2c", true);
    check("a…b…c", "a1c", false);
    check("a…", "anything", true);
}

#[tokio::test(flavor = "multi_thread")]
async fn transcripts_are_what_a_node_says() {
    let mut config = NodeConfig::new(ChainSpec::dev());
    config.listen.set_port(0);
    config.metrics = None;
    let node = Node::start(config).await.expect("the dev chain starts");
    for (page, text, count_min) in PAGES {
        let transcripts = transcripts(text);
        assert!(transcripts.len() >= count_min, "{page}");
        for (line, transcript) in transcripts {
            replay(&mut Socket::connect(node.address()).await, page, line, transcript).await;
        }
    }
    node.stop().await;
}

/// Sends and expects what a transcript says, which begins after this line of the page.
async fn replay(socket: &mut Socket, page: &str, begins: usize, transcript: Vec<&str>) {
    let mut left_out = 0;
    for (line, entry) in (begins + 1..).zip(transcript) {
        if let Some(sent) = entry.strip_prefix("> ") {
            socket.send_raw(sent).await;
            continue;
        }
        if entry.chars().eq([ANYTHING]) {
            left_out = FRAMES_LEFT_OUT_MAX;
            continue;
        }
        let expected = entry.strip_prefix("< ").unwrap_or_else(|| panic!("{page}, line {line}: {entry}"));
        loop {
            let frame = socket.frame().await.to_string();
            if matches(expected, &frame) {
                break;
            }
            assert!(left_out > 0, "{page}, line {line}, is not what came:\n{expected}\n{frame}");
            left_out -= 1;
        }
        left_out = 0;
    }
}
