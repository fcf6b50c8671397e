//! The shopkeeper's password: from a prompt, standard input or a file, or made here. Never from an argument or the
//! environment.

use std::io::BufRead;

use rand::TryRng;
use rand::rngs::SysRng;
use secrecy::{ExposeSecret, SecretString};
use store_core::ports::Entropy;
use store_core::store::AdminPassword;

use crate::args::PasswordArgs;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// 119 bits.
const GENERATED: usize = 20;
/// Longer input is no password.
const LONGEST: u64 = 4_096;

/// A password, and whether nobody knows it yet.
pub(crate) struct Password {
    /// The password.
    pub(crate) secret: SecretString,
    /// Whether it was made here, so that it must be shown.
    pub(crate) is_generated: bool,
}

/// The password for a new store.
pub(crate) async fn obtain(args: &PasswordArgs, terminal: Terminal) -> Result<Password, Failure> {
    if let Some(password) = given(args)? {
        return Ok(password);
    }
    if !terminal.asks {
        return Err(Failure::usage("no password for the shopkeeper, and nobody to ask for one")
            .hint("Use --password-stdin, --password-file FILE or --generate-password."));
    }
    Ok(Password { secret: ask(terminal).await?, is_generated: false })
}

/// A password that the arguments give, if they do; nothing is asked.
pub(crate) fn given(args: &PasswordArgs) -> Result<Option<Password>, Failure> {
    let (text, is_generated) = if args.generate_password {
        (SecretString::from(SystemEntropy.alphanumeric(GENERATED)), true)
    } else if args.password_stdin {
        (first_line(std::io::stdin().lock(), "standard input")?, false)
    } else if let Some(path) = &args.password_file {
        let file = std::fs::File::open(path)
            .map_err(|error| Failure::usage(format!("cannot read the password from {}: {error}", path.display())))?;
        (first_line(std::io::BufReader::new(file), &path.display().to_string())?, false)
    } else {
        return Ok(None);
    };
    Ok(Some(Password { secret: checked(text)?, is_generated }))
}

async fn ask(terminal: Terminal) -> Result<SecretString, Failure> {
    let first = checked(terminal.secret("Password for the shopkeeper: ").await?)?;
    let second = terminal.secret("The same again: ").await?;
    if first.expose_secret() != second.expose_secret() {
        return Err(Failure::usage("the two passwords differ"));
    }
    Ok(first)
}

/// Refuses what the platform would refuse, before anything is sent.
fn checked(password: SecretString) -> Result<SecretString, Failure> {
    match AdminPassword::parse(password.expose_secret()) {
        Ok(_) => Ok(password),
        Err(error) => Err(Failure::usage(format!("the password {error}"))),
    }
}

fn first_line(reader: impl BufRead, from: &str) -> Result<SecretString, Failure> {
    let mut line = String::new();
    reader
        .take(LONGEST)
        .read_line(&mut line)
        .map_err(|error| Failure::usage(format!("cannot read the password from {from}: {error}")))?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(SecretString::from(line))
}

/// The operating system's random numbers.
struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::expect_used,
        reason = "without random numbers no password can be made, and none must be guessable"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        SysRng.try_fill_bytes(bytes).expect("the operating system gives random numbers");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_counts_and_spaces_stay() {
        let read = |text: &str| first_line(text.as_bytes(), "test").unwrap().expose_secret().to_owned();
        assert_eq!(read(" se cret \r\nrest\n"), " se cret ");
        assert_eq!(read("no-newline"), "no-newline");
        assert_eq!(read(""), "");
    }

    #[test]
    fn generated_ones_are_long_and_differ() {
        let args = PasswordArgs { password_stdin: false, password_file: None, generate_password: true };
        let make = || given(&args).unwrap().unwrap().secret.expose_secret().to_owned();
        assert_eq!(make().len(), GENERATED);
        assert_ne!(make(), make());
    }
}
