//! Numbers that look random and are the same on every replay.

/// FNV-1a, 64 bits: stable over processes and releases, which the standard library's hasher does not promise.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// From 0 up to, not including, 1: spread evenly over different texts, the same for the same text.
pub(crate) fn share(text: &str) -> f64 {
    // FNV's high bits hardly change with a text's last letter, so its bits are mixed once more, as in SplitMix64.
    let mut hash = fnv1a(text.as_bytes());
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let top = (hash ^ (hash >> 31)) >> 11;
    #[allow(clippy::cast_precision_loss)] // 53 bits fit
    let share = top as f64 / (1_u64 << 53) as f64;
    share
}
