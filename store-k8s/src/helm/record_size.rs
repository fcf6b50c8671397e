//! Whether the record of a release will fit, asked before Helm is started.
//!
//! Helm keeps each revision in one Secret: chart, values and manifests as JSON, compressed and in base64
//! (<https://helm.sh/docs/topics/advanced/#storage-backends>). A Secret takes 1 MiB
//! (<https://kubernetes.io/docs/concepts/configuration/secret/#restriction-data-size>). A chart whose files alone are
//! more than that, compressed, never fits; what is below may still be refused, and is then named by the API server.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

/// What the data of a Secret may weigh, in bytes.
pub(crate) const SECRET_MAX: u64 = 1024 * 1024;
/// Four characters of base64 hold three bytes.
const COMPRESSED_MAX: u64 = SECRET_MAX / 4 * 3;

/// How many bytes the files take in a record at the very least, if that is more than a Secret takes.
pub(crate) fn too_large<'a>(files: impl Iterator<Item = &'a [u8]>) -> Option<u64> {
    let mut compressed = GzEncoder::new(Count(0), Compression::best());
    for content in files {
        // Counting never fails.
        let _ = compressed.write_all(content);
    }
    let size = compressed.finish().map_or(0, |count| count.0);
    (size > COMPRESSED_MAX).then(|| size.div_ceil(3) * 4)
}

/// Counts what is written.
struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// Bytes that cannot be compressed, the same each time.
    fn noise(length: usize) -> Vec<u8> {
        let blocks = (0_u64..).flat_map(|block| Sha256::digest(block.to_be_bytes()));
        blocks.take(length).collect()
    }

    #[test]
    fn only_what_is_surely_too_large_is_named() {
        let fits = [noise(700_000), vec![b' '; 5_000_000]];
        assert_eq!(too_large(fits.iter().map(Vec::as_slice)), None);
        let never_fits = [noise(700_000), noise(200_000).into_iter().rev().collect::<Vec<_>>()];
        let size = too_large(never_fits.iter().map(Vec::as_slice)).expect("it is too large");
        assert!((1_200_000..1_210_000).contains(&size), "{size}");
    }
}
