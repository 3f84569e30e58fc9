//! A Rust source file with comments and literals told apart from code. Not a parser: it knows just
//! enough of the lexical grammar that a brace in a string is never counted.

/// A file, split.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// The text with comments and the insides of literals blanked; lines keep their numbers.
    pub code: String,
    /// Every string literal with the line it begins on (from 1).
    pub strings: Vec<(usize, String)>,
}

/// One function of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// The line of `fn`, from 1.
    pub line: usize,
    /// From the line of `fn` to the line of the closing brace.
    pub lines: usize,
}

struct Cursor<'a> {
    rest: &'a str,
    line: usize,
    out: Source,
}

impl Source {
    pub fn read(text: &str) -> Self {
        let mut cursor = Cursor { rest: text, line: 1, out: Source::default() };
        while !cursor.rest.is_empty() {
            cursor.token();
        }
        cursor.out
    }

    /// The functions with a body, in the order of their `fn`.
    pub fn functions(&self) -> Vec<Function> {
        let bytes = self.code.as_bytes();
        words(&self.code)
            .filter(|&(_, word)| word == "fn")
            .filter_map(|(at, _)| {
                let name: String =
                    self.code[at + 2..].trim_start().chars().take_while(|&c| is_word(c)).collect();
                let body = body_start(bytes, at)?;
                let end = matching_brace(bytes, body)?;
                let line = 1 + newlines(&bytes[..at]);
                let lines = 1 + newlines(&bytes[at..end]);
                (!name.is_empty()).then_some(Function { name, line, lines })
            })
            .collect()
    }

    /// The file without its `#[cfg(test)]` modules: tests may do what the crate may not.
    pub fn without_tests(mut self) -> Self {
        const MARK: &str = "#[cfg(test)]";
        let mut from = 0;
        while let Some(found) = self.code[from..].find(MARK) {
            let start = from + found;
            let open = self.code[start..].find(['{', ';']).map(|at| start + at);
            let end = match open {
                Some(at) if self.code.as_bytes()[at] == b'{' => matching_brace(self.code.as_bytes(), at),
                other => other,
            };
            let end = end.map_or(self.code.len(), |end| end + 1);
            let first = 1 + newlines(&self.code.as_bytes()[..start]);
            let last = 1 + newlines(&self.code.as_bytes()[..end]);
            self.strings.retain(|(line, _)| *line < first || *line > last);
            let blank = blanked(&self.code[start..end]);
            self.code.replace_range(start..end, &blank);
            from = start;
        }
        self
    }

    /// The lines (from 1) on which `path` stands as code, not as part of a longer word.
    pub fn lines_with(&self, path: &str) -> Vec<usize> {
        let mut found = Vec::new();
        for (number, line) in self.code.lines().enumerate() {
            let stands = line.match_indices(path).any(|(at, _)| {
                !line[..at].ends_with(is_word) && !line[at + path.len()..].starts_with(is_word)
            });
            if stands {
                found.push(number + 1);
            }
        }
        found
    }
}

impl Cursor<'_> {
    fn token(&mut self) {
        let rest = self.rest;
        if rest.starts_with("//") {
            self.blank(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.blank(block_comment(rest));
        } else if let Some((open, close)) = raw_string(rest) {
            self.string(open, &close);
        } else if rest.starts_with('"') {
            self.string(1, "\"");
        } else if rest.starts_with('\'') {
            self.blank(char_literal(rest));
        } else {
            // A whole word at once, so that the `r` of `for"` is never taken for a raw string.
            let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let prefix = matches!(&rest[..word], "b" | "c") && rest[word..].starts_with(['"', '\'']);
            let len = if prefix { 1 } else { word.max(rest.chars().next().map_or(1, char::len_utf8)) };
            self.keep(len);
        }
    }

    /// A literal of `open` bytes before its content; `close` ends it.
    fn string(&mut self, open: usize, close: &str) {
        let raw = open > 1 || close.len() > 1;
        let content = &self.rest[open..];
        let mut end = 0;
        while end < content.len() && !content[end..].starts_with(close) {
            let escaped = !raw && content[end..].starts_with('\\');
            let skip =
                content[end..].chars().take(1 + usize::from(escaped)).map(char::len_utf8).sum::<usize>();
            end += skip;
        }
        let end = end.min(content.len());
        self.out.strings.push((self.line, content[..end].to_owned()));
        self.blank((open + end + close.len()).min(self.rest.len()));
    }

    fn keep(&mut self, len: usize) {
        let (token, rest) = self.rest.split_at(len);
        self.out.code.push_str(token);
        self.line += newlines(token.as_bytes());
        self.rest = rest;
    }

    fn blank(&mut self, len: usize) {
        let (token, rest) = self.rest.split_at(len);
        self.out.code.push_str(&blanked(token));
        self.line += newlines(token.as_bytes());
        self.rest = rest;
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

/// As many lines, and nothing on them.
fn blanked(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect()
}

fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.split(|c: char| !is_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - code.as_ptr() as usize, word))
}

/// Bytes of a nested block comment.
fn block_comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" if depth == 1 => return at + 2,
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The length of a raw string's opening and its closing text.
fn raw_string(text: &str) -> Option<(usize, String)> {
    let prefix = ["br", "cr", "r"].into_iter().find(|prefix| text.starts_with(prefix))?;
    let after = &text[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then(|| (prefix.len() + hashes + 1, format!("\"{}", "#".repeat(hashes))))
}

/// Bytes of a character literal, or 1 when the quote begins a lifetime.
fn char_literal(text: &str) -> usize {
    let content = &text[1..];
    let mut chars = content.char_indices();
    match chars.next() {
        Some((_, '\\')) => {
            let escaped = content.char_indices().nth(1).map_or(1, |(at, c)| at + c.len_utf8());
            content[escaped..].find('\'').map_or(1, |at| 1 + escaped + at + 1)
        }
        Some((_, c)) if content[c.len_utf8()..].starts_with('\'') => 1 + c.len_utf8() + 1,
        _ => 1,
    }
}

/// The brace that opens the body of the `fn` at `at`; none for a declaration.
fn body_start(code: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (offset, byte) in code[at..].iter().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(at + offset),
            b';' | b'}' if depth <= 0 => return None,
            _ => {}
        }
    }
    None
}

fn matching_brace(code: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0_u32;
    for (offset, byte) in code[open..].iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(open + offset),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_in_literals_and_comments_do_not_count() {
        let text = "fn a<'x>(s: &'x str) -> char {\n    // }\n    /* } /* } */ */\n    let _ = (\"}\\\"}\", r#\"}\"}\"#, b'}', '\\'');\n    '}'\n}\nfn b() {}\n";
        let functions = Source::read(text).functions();
        assert_eq!(functions.len(), 2);
        assert_eq!((functions[0].name.as_str(), functions[0].lines), ("a", 6));
        assert_eq!((functions[1].line, functions[1].lines), (7, 1));
    }

    #[test]
    fn strings_are_found_with_their_lines_and_multi_line_ones_keep_the_count() {
        let source = Source::read("let a = \"one\n two\";\nlet b = r\"three\"; // \"not this\"\n");
        assert_eq!(source.strings, [(1, "one\n two".to_owned()), (3, "three".to_owned())]);
        assert_eq!(source.code.lines().count(), 3);
    }

    #[test]
    fn declarations_and_function_types_are_no_functions() {
        let source = Source::read("trait T { fn a(&self); fn b(&self) {} }\ntype F = fn(u8) -> u8;\n");
        let names: Vec<_> = source.functions().into_iter().map(|function| function.name).collect();
        assert_eq!(names, ["b"]);
    }

    #[test]
    fn test_modules_are_cut_out_and_the_code_behind_them_stays() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { now(\"x\") }\n}\nfn c() {}\n";
        let source = Source::read(text).without_tests();
        let names: Vec<_> = source.functions().into_iter().map(|function| function.name).collect();
        assert_eq!(names, ["a", "c"]);
        assert!(source.strings.is_empty());
        assert_eq!(source.functions()[1].line, 6);
    }
}
