//! The transcripts of docs/protocol.md, each over a connection of its own.

use realm_chain_spec::ChainSpec;
use realm_node::{Node, NodeConfig};
use realm_tests::Socket;

/// What stands for text that differs from node to node.
const ANYTHING: char = '…';

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
async fn the_protocols_transcripts_are_what_a_node_says() {
    let mut config = NodeConfig::new(ChainSpec::dev());
    config.listen.set_port(0);
    config.metrics = None;
    let node = Node::start(config).await.expect("the dev chain starts");
    let transcripts = transcripts(include_str!("../../../docs/protocol.md"));
    assert!(transcripts.len() >= 5);
    for (line, transcript) in transcripts {
        let mut socket = Socket::connect(node.address()).await;
        for (offset, entry) in transcript.into_iter().enumerate() {
            let line = line + offset + 1;
            if let Some(sent) = entry.strip_prefix("> ") {
                socket.send_raw(sent).await;
            } else {
                let expected =
                    entry.strip_prefix("< ").unwrap_or_else(|| panic!("line {line} begins with neither > nor <"));
                let frame = socket.frame().await.to_string();
                assert!(
                    matches(expected, &frame),
                    "docs/protocol.md, line {line}, is not what came:\n{expected}\n{frame}"
                );
            }
        }
    }
    node.stop().await;
}
