//! Groups of RADIO and DISH.

use ringmq_pattern::{Kind, SetOption};

use crate::error::OptionError;
use crate::socket::Socket;

impl Socket {
    /// Asks for the messages of a group, in a DISH. Acts on peers that it is connected with and on later ones.
    ///
    /// # Errors
    ///
    /// [`OptionError::NotSupported`] if the socket is no DISH; [`OptionError::Value`] if it has joined the group already, or
    /// the name has more than 255 bytes or a NUL.
    ///
    /// ```
    /// use ringmq::{Context, Frame, Kind, OptionError};
    ///
    /// let context = Context::new()?;
    /// let (mut radio, mut dish) = (context.socket(Kind::Radio)?, context.socket(Kind::Dish)?);
    /// radio.bind("inproc://reports")?;
    /// dish.connect("inproc://reports")?;
    /// dish.join("weather")?;
    /// assert_eq!(dish.join("weather"), Err(OptionError::Value));
    ///
    /// radio.send(Frame::from("late").with_group("trains")?)?;
    /// radio.send(Frame::from("sunny").with_group("weather")?)?;
    /// let report = dish.recv()?;
    /// assert_eq!((report[0].group(), report[0].as_slice()), (&b"weather"[..], &b"sunny"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join(&mut self, group: impl AsRef<[u8]>) -> Result<(), OptionError> {
        self.set_group(SetOption::Join(group.as_ref()))
    }

    /// Ends a [`join`](Socket::join). Messages of the group that have arrived already are dropped.
    ///
    /// # Errors
    ///
    /// [`OptionError::NotSupported`] if the socket is no DISH; [`OptionError::Value`] if it has not joined the group.
    ///
    /// ```
    /// use ringmq::{Context, Kind, OptionError};
    ///
    /// let context = Context::new()?;
    /// let mut dish = context.socket(Kind::Dish)?;
    /// dish.join("weather")?;
    /// dish.leave("weather")?;
    /// assert_eq!(dish.leave("weather"), Err(OptionError::Value));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn leave(&mut self, group: impl AsRef<[u8]>) -> Result<(), OptionError> {
        self.set_group(SetOption::Leave(group.as_ref()))
    }

    fn set_group(&mut self, option: SetOption<'_>) -> Result<(), OptionError> {
        match self.set(option) {
            Err(OptionError::NotSupported) if self.kind() == Kind::Dish => Err(OptionError::Value),
            set => set,
        }
    }
}
